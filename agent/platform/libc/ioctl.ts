import { orThrow } from './errno.ts';
import { bind } from './library.ts';

const c = {
  ioctl: bind<(fd: number, request: number, argument: Uint8Array) => number>('int ioctl(int, unsigned long, void *)'),
};

/** ioctl(2) with an argument that the kernel reads, or writes, or both. @param name of the request, for the error */
export function ioctl(fd: number, request: number, argument: Uint8Array, name: string): number {
  return orThrow(c.ioctl(fd, request, argument), `ioctl ${name}`);
}

import { connect } from 'node:net';
import type { Probe } from './probe.ts';
import { socketErrorText } from './socketErrors.ts';

/** Whether a connection is accepted; it is closed at once. */
export function tcpProbe({ host, port }: { readonly host: string; readonly port: number }): Probe {
  return (signal) =>
    new Promise((resolve) => {
      const socket = connect({ host, port, signal });
      socket.once('connect', () => {
        socket.destroy();
        resolve(null);
      });
      socket.once('error', (error) => resolve(socketErrorText(error)));
    });
}

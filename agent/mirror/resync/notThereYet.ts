import { errnos } from '../../platform/libc.ts';

/** Errors by which a path shows that the resync has not been there yet. */
export const NOT_THERE_YET = new Set([
  errnos.ENOENT,
  errnos.ENOTDIR,
  errnos.EISDIR,
  errnos.EEXIST,
  errnos.ENOTEMPTY,
  errnos.ELOOP,
  errnos.EXDEV,
  errnos.ENODATA,
  errnos.ENXIO,
  errnos.EBUSY,
]);

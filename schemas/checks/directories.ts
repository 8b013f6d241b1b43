/** An absolute path without empty segments and trailing slashes. */
export function normalDirectory(path: string): string {
  return `/${path
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/')}`;
}

/** Whether `path` is `directory` or lies in it. Both absolute. */
export function isWithin(path: string, directory: string): boolean {
  const inner = normalDirectory(path);
  const outer = normalDirectory(directory);
  return outer === '/' || inner === outer || inner.startsWith(`${outer}/`);
}

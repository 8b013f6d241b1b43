const longestName = 32;

/** A name that a module may have, like `text`, and none of `taken`. */
export function moduleNameOf(text: string, taken: ReadonlySet<string> = new Set()): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  const whole = plain === '' ? 'server' : /^[a-z]/.test(plain) ? plain : `vm-${plain}`;
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : `-${String(number)}`;
    const name = `${whole.slice(0, longestName - suffix.length).replace(/-+$/, '')}${suffix}`;
    if (!taken.has(name)) return name;
  }
}

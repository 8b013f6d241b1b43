/**
 * The nearest name that a module, host or network of Understudy can have: lower case, digits and hyphens, beginning with a letter, at most 32.
 * @param fallback when nothing is left of it
 */
export function ownName(text: string, fallback: string): string {
  const plain = text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '');
  const name = (/^[0-9]/.test(plain) ? `m-${plain}` : plain).slice(0, 32).replace(/-+$/, '');
  return name === '' ? fallback : name;
}

/** The name, or the name with a number behind it when it is taken. @param taken gets it */
export function uniqueName(name: string, taken: Set<string>, longest = 64): string {
  for (let number = 1; ; number += 1) {
    const suffix = number === 1 ? '' : ` ${String(number)}`;
    const candidate = `${name.slice(0, longest - suffix.length)}${suffix}`;
    if (taken.has(candidate)) continue;
    taken.add(candidate);
    return candidate;
  }
}

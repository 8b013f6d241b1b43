/** The options of a benchmark: `--name value` each. @throws Error naming what is known */
export function parseOptions<Name extends string>(
  args: readonly string[],
  known: readonly Name[],
): Partial<Record<Name, string>> {
  const found: Partial<Record<Name, string>> = {};
  for (let index = 0; index < args.length; index += 2) {
    const name = known.find((each) => `--${each}` === args[index]);
    const value = args[index + 1];
    if (name === undefined) {
      throw new Error(`${args[index] ?? ''} is unknown here: expected ${known.map((each) => `--${each}`).join(', ')}`);
    }
    if (value === undefined) throw new Error(`--${name} needs a value`);
    found[name] = value;
  }
  return found;
}

/** A number above 0. */
export function positive(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!(value > 0)) throw new Error(`--${name} needs a number above 0, not ${given ?? ''}`);
  return value;
}

/** A whole number above 0. */
export function wholeNumber(name: string, given: string | undefined, otherwise: number): number {
  const value = positive(name, given, otherwise);
  if (!Number.isInteger(value)) throw new Error(`--${name} needs a whole number, not ${given ?? ''}`);
  return value;
}

/** Some of the known names, all of them when nothing was given, in the order in which they are known. */
export function choose<Name extends string>(
  option: string,
  given: string | undefined,
  known: readonly Name[],
): readonly Name[] {
  if (given === undefined) return known;
  const wanted = given.split(',');
  for (const each of wanted) {
    if (!(known as readonly string[]).includes(each)) {
      throw new Error(`--${option} ${each} is unknown: expected some of ${known.join(',')}`);
    }
  }
  return known.filter((each) => wanted.includes(each));
}

/** One press of a key: some characters of a line are replaced. */
export interface Keystroke {
  /** Which of the texts. */
  readonly text: number;
  readonly line: number;
  readonly character: number;
  /** Characters that go. */
  readonly removed: number;
  readonly inserted: string;
}

/** A line with a key and a value, and the places in it, counted from 0. */
export interface Spot {
  readonly name: string;
  readonly line: number;
  /** Behind the first character of the key. */
  readonly key: number;
  /** Of the colon. */
  readonly colon: number;
  /** Behind the first character of the value. */
  readonly value: number;
}

const keyAndValue = /^(?<before>\s*(?:- )?"?)(?<key>\w+)(?<end>"?)(?<between>: "?)\w/;

/** Where somebody may type in a text of JSON or YAML: the same places in the same order for the same values. */
export function spotsOf(text: string): readonly Spot[] {
  return text.split('\n').flatMap((content, line) => {
    const { before = '', key = '', end = '', between = '' } = keyAndValue.exec(content)?.groups ?? {};
    if (key === '') return [];
    const colon = before.length + key.length + end.length;
    return [{ name: key, line, key: before.length + 1, colon, value: colon + between.length + 1 }];
  });
}

/** What is typed at a spot; the press of a key after it takes it back. */
const kinds: readonly ((spot: Spot) => Omit<Keystroke, 'text'>)[] = [
  ({ line, value }) => ({ line, character: value, removed: 0, inserted: '1' }),
  ({ line, key }) => ({ line, character: key, removed: 0, inserted: 'x' }),
  // Without its colon the rest of the text is no JSON, and no YAML, any more.
  ({ line, colon }) => ({ line, character: colon, removed: 1, inserted: '' }),
];

/**
 * Presses of keys in turn in values, in names of keys and in what holds the text together, each of which the next one takes back; in all the
 * texts by turns, at places that vary.
 * @param count how many; one more where it is odd
 */
export function keystrokesIn(texts: readonly string[], count: number): readonly Keystroke[] {
  const spots = texts.map(spotsOf);
  return Array.from({ length: Math.ceil(count / 2) }, (_, index) => {
    const text = index % texts.length;
    const there = spots[text] ?? [];
    const spot = there[(Math.floor(index / kinds.length) * 7) % there.length];
    const kind = kinds[index % kinds.length];
    if (spot === undefined || kind === undefined) throw new Error(`nothing to type at in text ${text}`);
    const pressed = kind(spot);
    const back = { ...pressed, removed: pressed.inserted.length, inserted: pressed.removed === 0 ? '' : ':' };
    return [
      { text, ...pressed },
      { text, ...back },
    ];
  }).flat();
}

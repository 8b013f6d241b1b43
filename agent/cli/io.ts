import { createInterface } from 'node:readline/promises';

/** What a verb sees of the world outside: streams, terminal, the end that the user asks for. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether a person is there: standard input and output are a terminal. */
  readonly isInteractive: boolean;
  /** Whether standard output is a terminal, so that it can be redrawn. */
  readonly isTerminal: boolean;
  readonly hasColour: boolean;
  /** Asks a question on the terminal. */
  readonly ask: (question: string) => Promise<string>;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The streams and signals of this process. */
export function processIo(): Io {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // Who asks a second time does not want to wait for an orderly end. The agent alone goes on: half a stop helps nobody.
      if (controller.signal.aborted && process.argv[2] !== 'agent') process.exit(130);
      controller.abort();
    });
  }
  // `understudy status | head` ends the reader first; that is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  const isTerminal = process.stdout.isTTY;
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    isInteractive: isTerminal && process.stdin.isTTY,
    isTerminal,
    // https://no-color.org
    hasColour: isTerminal && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb',
    ask: async (question) => {
      const reader = createInterface({ input: process.stdin, output: process.stderr });
      // On a terminal Ctrl-C comes as a key, not as a signal.
      reader.on('SIGINT', () => controller.abort());
      try {
        return await reader.question(question, { signal: controller.signal });
      } finally {
        reader.close();
      }
    },
    signal: controller.signal,
    environment: process.env,
  };
}

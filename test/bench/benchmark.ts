/** One benchmark: `npm run bench -- NAME`. */
export interface Benchmark {
  /** Runs to the end, cleans up after itself, and rejects with an error that says what is missing. */
  run(options: BenchmarkOptions): Promise<BenchmarkReport>;
}

export interface BenchmarkOptions {
  /** What was given beside `--json`, such as `--rounds 3`. */
  readonly args: readonly string[];
  /** Tells a person how far it is (standard error). */
  readonly say: (line: string) => void;
}

export interface BenchmarkReport {
  /** For people. */
  readonly table: string;
  /** For programs: with `--json` the last line that is printed. */
  readonly result: object;
  /** Why it ended early, if it did: the rest tells of what was measured by then. */
  readonly stopped?: string | null;
}

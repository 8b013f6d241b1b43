export interface Measurement {
  readonly seconds: number;
  /** Over the wire, both directions. */
  readonly bytes: number;
}

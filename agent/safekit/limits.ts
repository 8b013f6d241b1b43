/**
 * What a module may be at most. A real one has some dozen files of some KiB; whatever is far beyond that is a mistake (a snapshot, a disk
 * image), or meant to fill memory or disk. Sizes in bytes.
 */
export const limits = {
  /** The .safe file. */
  archive: 16 * 1024 * 1024,
  files: 1000,
  /** One file, unpacked. */
  file: 4 * 1024 * 1024,
  /** All files, unpacked. */
  total: 32 * 1024 * 1024,
  /** How many times larger a file may be than what it is packed in … */
  ratio: 100,
  /** … beyond this size: a short file of blanks may shrink to almost nothing. */
  ratioFrom: 64 * 1024,
  /** Of a path, and how many folders deep. */
  path: 512,
  name: 200,
  depth: 12,
  /** userconfig.xml. */
  xml: 1024 * 1024,
  xmlDepth: 32,
  xmlElements: 10_000,
  xmlAttributes: 64,
  /** One value with its macros replaced, and all of them together; UTF-16 code units. */
  value: 8192,
  values: 4 * 1024 * 1024,
  /** Statements of <failover>. */
  rules: 1000,
} as const;

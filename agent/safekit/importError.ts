/** Why a file is not imported. Stable, for `--json` and tests. */
export type ImportErrorCode =
  /** The file is no zip, or a broken one. */
  | 'ZIP_DAMAGED'
  /** The zip uses what no module needs: encryption, zip64, several disks, another compression. */
  | 'ZIP_UNSUPPORTED'
  /** Files whose names lead elsewhere, stand twice, or are no files. */
  | 'UNSAFE_NAME'
  /** More, larger or more strongly compressed files than a module has. */
  | 'TOO_LARGE'
  /** The text is in an encoding that is not read. */
  | 'BAD_ENCODING'
  /** The XML is not well-formed. */
  | 'BAD_XML'
  /** The XML declares entities or a document type that is read from elsewhere. */
  | 'XML_DTD'
  /** It is something else than a module of SafeKit. */
  | 'NOT_A_MODULE';

/** A file that is refused as a whole. The message says what was found, where, and what to do. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  constructor(
    readonly code: ImportErrorCode,
    message: string,
  ) {
    super(message);
  }
}

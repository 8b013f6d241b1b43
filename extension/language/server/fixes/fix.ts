import type { AnyDocument } from '../../../../schemas/document.ts';
import type { Diagnostic } from '../../../../schemas/diagnostic.ts';
import { setValue } from '../../../../schemas/jsonEdits.ts';
import type { TextChange } from '../../../../schemas/jsonEdits.ts';
import { parsePath } from '../../../../schemas/jsonText.ts';
import type { Node, PathSegment } from '../../../../schemas/jsonText.ts';
import { propertiesOf } from '../../../../schemas/schemaNodes.ts';
import { nodeAt } from '../../../../schemas/jsonPlaces.ts';
import { schemaAt } from '../../../../schemas/schemaAt.ts';
import type { SourceFile } from '../model/sourceFile.ts';

/** A file that a fix makes. */
export interface NewFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

/** One way to mend a problem. */
export interface Fix {
  readonly title: string;
  readonly edits: readonly { readonly file: SourceFile; readonly changes: readonly TextChange[] }[];
  readonly newFile?: NewFile;
  /** A file that is to be made executable. Absolute. */
  readonly makeExecutable?: string;
  /** The one that is most likely wanted. */
  readonly isPreferred?: boolean;
  /** Whether nobody has to look at what comes of it: it may be done with others, unasked. */
  readonly isClear?: boolean;
}

/** A problem, and everything that helps to mend it. */
export interface FixContext {
  readonly file: SourceFile;
  readonly document: AnyDocument;
  readonly diagnostic: Diagnostic;
  readonly path: readonly PathSegment[];
  /** The value there; null: there is none. */
  readonly node: Node | null;
  /** All files of the cluster, this one too. */
  readonly group: readonly SourceFile[];
}

/** Ways to mend a problem; none when it is not of the kind that it is for. */
export type Fixer = (context: FixContext) => readonly Fix[];

export function contextOf(file: SourceFile, group: readonly SourceFile[], diagnostic: Diagnostic): FixContext {
  const { document } = file;
  const path = parsePath(diagnostic.path);
  return { file, document, diagnostic, path, node: nodeAt(document.root, path), group };
}

/** The only cluster file; null: there is none, several, or one that is no JSON. */
export function clusterFileOf(group: readonly SourceFile[]): SourceFile | null {
  const clusters = group.filter(({ kind }) => kind === 'cluster');
  const [cluster] = clusters;
  return clusters.length === 1 && cluster !== undefined && isWhole(cluster) ? cluster : null;
}

/** Whether a file can be edited by its structure: in half-typed text keys are not where they seem to be. */
export function isWhole({ document }: SourceFile): boolean {
  return document.root !== null && !document.diagnostics.some(({ code }) => code === 'syntax' || code === 'unreadable');
}

/** Sets a value where the schema's order has it. */
export function setIn(file: SourceFile, path: readonly PathSegment[], value: unknown): Fix['edits'] {
  const around = schemaAt(file.document, path.slice(0, -1));
  const order = around === null ? [] : [...propertiesOf(around.branch, around.root).keys()];
  const { text, root } = file.document;
  return [{ file, changes: setValue(text, path, value, { order, ...(root !== null && { root }) }) }];
}

/** The problem's own place under another value. */
export function replaceWith({ file, diagnostic }: FixContext, value: unknown): Fix['edits'] {
  return [{ file, changes: [{ start: diagnostic.start, end: diagnostic.end, text: JSON.stringify(value) }] }];
}

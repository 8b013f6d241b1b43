import type { Hover, Position } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { jsonOf, jsonService } from './jsonService.ts';

/** What the key at `position` means, with default and unit. */
export async function hoverAt(document: TextDocument, position: Position): Promise<Hover | null> {
  return jsonService.doHover(document, position, jsonOf(document));
}

import type { CompletionList, Position } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { jsonOf, jsonService } from './jsonService.ts';

/** Keys and values that the schema allows at `position`. */
export async function completionAt(document: TextDocument, position: Position): Promise<CompletionList | null> {
  return jsonService.doComplete(document, position, jsonOf(document));
}

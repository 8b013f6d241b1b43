/** The process that explains modules to an editor: questions come, and answers go, by the channel to the process that has started it. */
import { kindOfFile, parseDocument, type AnyDocument } from '../../schemas/document.ts';
import type { ExplainAnswer, ExplainFile, ExplainQuestion } from '../../schemas/explain.ts';
import { parseAny } from '../config/readFile.ts';
import { explainDocument } from './documents.ts';

/** What somebody types while the last question is at work asks for more than one answer; only the newest is of use. */
let newest: ExplainQuestion | null = null;

process.on('message', (question: ExplainQuestion) => {
  if (newest === null) setImmediate(answerNewest);
  newest = question;
});
process.on('disconnect', () => process.exit(0));

function answerNewest(): void {
  const question = newest;
  newest = null;
  if (question !== null) process.send?.(answer(question));
}

function answer({ id, module, others }: ExplainQuestion): ExplainAnswer {
  try {
    const document = parseDocument('module', module.text, module.path);
    return { id, ...explainDocument(document, [document, ...others.flatMap(parsed)]), failure: null };
  } catch (error) {
    // Somebody is typing: another text may do.
    const failure = error instanceof Error ? error.message : String(error);
    return { id, explained: null, diagnostics: [], failure };
  }
}

function parsed({ path, text }: ExplainFile): readonly AnyDocument[] {
  const kind = kindOfFile(path);
  return kind === 'module' || kind === 'cluster' ? [parseAny(kind, text, path)] : [];
}

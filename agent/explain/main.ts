/** The process that explains modules to an editor: questions come, and answers go, by the channel to the process that has started it. */
import { kindOfFile, parseDocument, type AnyDocument } from '../../schemas/document.ts';
import type { ExplainAnswer, ExplainFile, ExplainQuestion } from '../../schemas/explain.ts';
import { parseAny } from '../config/readFile.ts';
import { explainDocument } from './documents.ts';

/** By the module's file: what somebody types while a question is at work asks for more than one answer, and only the newest is of use. */
const waiting = new Map<string, ExplainQuestion>();

process.on('message', (message) => {
  const question = message as ExplainQuestion;
  const { path } = question.module;
  const overtaken = waiting.get(path);
  if (overtaken) send({ id: overtaken.id, explained: null, diagnostics: [], failure: 'a later question came' });
  if (waiting.size === 0) setImmediate(answerNext);
  waiting.set(path, question);
});
process.on('disconnect', () => process.exit(0));

function answerNext(): void {
  const [next] = waiting;
  if (next === undefined) return;
  const [path, question] = next;
  waiting.delete(path);
  send(answer(question));
  // What has come meanwhile is heard first.
  if (waiting.size > 0) setImmediate(answerNext);
}

function send(answered: ExplainAnswer): void {
  process.send?.(answered);
}

function answer({ id, module, others }: ExplainQuestion): ExplainAnswer {
  try {
    const document = parseDocument('module', module.text, module.path);
    return { id, ...explainDocument(document, [document, ...others.flatMap(parsed)]) };
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

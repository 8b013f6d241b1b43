import type { FormEdit, FormEdited, FormField, FormState } from '../../../schemas/form.ts';
import { Refused } from '../hostRpc.ts';
import type { HostRpc } from '../hostRpc.ts';

/** How long nobody has to type before it goes into the file, milliseconds. */
const restMs = 400;

interface Waiting {
  readonly id: string;
  readonly edit: FormEdit;
  /** What was there when the person began: the edit counts only while it is so. */
  readonly base: string;
}

interface Outcome {
  /** Tells the person. */
  tell(text: string): void;
  focus(id: string, action: FormEdit['action']): void;
  /** What is shown is to be what the file says. */
  refresh(): void;
}

const overtaken = 'This was changed elsewhere meanwhile: what you typed was not taken.';

/**
 * Changes on their way into the file: one after the other, each by the text that the one before has left. What is typed goes when nobody
 * types any more, or leaves the field.
 */
export class Edits {
  readonly #host: HostRpc;
  readonly #outcome: Outcome;
  readonly #queue: Waiting[] = [];
  #typing: Waiting | null = null;
  #timer = 0;
  #sent: Waiting | null = null;
  #state: FormState | null = null;

  constructor(host: HostRpc, outcome: Outcome) {
    this.#host = host;
    this.#outcome = outcome;
  }

  /** The file is this by now. */
  follow(state: FormState): void {
    this.#state = state;
    this.#rebase(state.root);
    if (this.#typing !== null && !this.#counts(this.#typing)) {
      this.#forgetTyping();
      this.#outcome.tell(state.locked ?? overtaken);
    }
  }

  /** Whether what a field shows is newer than the file. */
  isTyping(id: string): boolean {
    return [this.#typing, this.#sent, ...this.#queue].some((each) => each?.id === id && each.edit.action === 'type');
  }

  type(field: FormField, text: string): void {
    if (this.#typing !== null && this.#typing.id !== field.id) this.commit();
    const base = this.#typing?.base ?? this.#baseOf(field);
    this.#typing = { id: field.id, edit: { action: 'type', path: field.path, text }, base };
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.commit(), restMs);
  }

  /** What is being typed goes into the file now. */
  commit(): void {
    const typing = this.#typing;
    this.#forgetTyping();
    if (typing === null) return;
    this.#queue.push(typing);
    this.#next();
  }

  /** What is being typed is given up. Whether anything was. */
  cancel(): boolean {
    const hasTyped = this.#typing !== null;
    this.#forgetTyping();
    return hasTyped;
  }

  make(field: FormField, edit: FormEdit): void {
    this.commit();
    this.#queue.push({ id: field.id, edit, base: placeOf(this.#state?.root ?? null, field) });
    this.#next();
  }

  #next(): void {
    if (this.#sent !== null || this.#state === null) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) return;
    if (!this.#counts(waiting)) {
      this.#outcome.tell(this.#state.locked ?? overtaken);
      this.#outcome.refresh();
      this.#next();
      return;
    }
    this.#sent = waiting;
    void this.#send(waiting, this.#state.version);
  }

  async #send(waiting: Waiting, version: number): Promise<void> {
    const { id, edit } = waiting;
    const shown = this.#pictureOf(id);
    let focus: string | null = null;
    try {
      ({ focus } = (await this.#host.request('form.edit', { version, edit })) as FormEdited);
      if (edit.action === 'remove') focus ??= id;
      this.#outcome.tell('');
    } catch (error) {
      // Something else was changed at the same time, such as in another form: this is still what the person has meant.
      const isOther = error instanceof Refused && error.code === 'STALE' && this.#state?.version !== version;
      if (isOther && this.#counts(waiting) && this.#pictureOf(id) === shown) this.#queue.unshift(waiting);
      else this.#outcome.tell(error instanceof Error ? error.message : String(error));
    }
    this.#sent = null;
    this.#outcome.refresh();
    if (focus !== null) this.#outcome.focus(focus, edit.action);
    this.#next();
  }

  #counts({ id, edit, base }: Waiting): boolean {
    const state = this.#state;
    if (state === null || state.root === null || state.locked !== null) return false;
    const field = findField(state.root, id);
    if (field === null) return false;
    return base === (edit.action === 'type' ? this.#baseOf(field) : placeOf(state.root, field));
  }

  /** Everything that a field shows, and all that is in it. */
  #pictureOf(id: string): string | null {
    const root = this.#state?.root ?? null;
    const field = root === null ? null : findField(root, id);
    return field === null ? null : JSON.stringify(field);
  }

  #baseOf(field: FormField): string {
    return JSON.stringify([placeOf(this.#state?.root ?? null, field), field.kind, field.isSet, field.text]);
  }

  /** Who types on while the file takes what was typed before goes on from that. */
  #rebase(root: FormField | null): void {
    const sent = this.#sent;
    const field = sent === null || root === null ? null : findField(root, sent.id);
    if (sent?.edit.action !== 'type' || field === null) return;
    const rebased = (each: Waiting): Waiting =>
      each.id === sent.id && each.edit.action === 'type' ? { ...each, base: this.#baseOf(field) } : each;
    if (this.#typing !== null) this.#typing = rebased(this.#typing);
    this.#queue.splice(0, this.#queue.length, ...this.#queue.map(rebased));
  }

  #forgetTyping(): void {
    window.clearTimeout(this.#timer);
    this.#typing = null;
  }
}

/** The lists and maps that a field is in, by how many entries they have: when these change its path may mean another one. */
function placeOf(root: FormField | null, { path, id }: FormField): string {
  const counts: (number | string)[] = [id];
  let field: FormField | undefined = root ?? undefined;
  for (const [depth, segment] of path.entries()) {
    if (field?.kind === 'list') counts.push(field.fields.length);
    if (field?.kind === 'map') counts.push(...field.fields.map(({ key }) => key));
    field = field?.fields.find((each) => each.path[depth] === segment);
  }
  return JSON.stringify(counts);
}

/** A field of the form by its id; null: there is none. */
export function findField(root: FormField, id: string): FormField | null {
  if (root.id === id) return root;
  for (const child of root.fields) {
    const found = findField(child, id);
    if (found !== null) return found;
  }
  return null;
}

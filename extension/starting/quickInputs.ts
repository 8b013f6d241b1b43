import * as vscode from 'vscode';
import { goBack, type StepPosition } from '../model/starting/steps.ts';

type Answer<T> = Promise<T | typeof goBack | undefined>;

export interface TextQuestion {
  readonly title: string;
  readonly prompt: string;
  readonly value: string;
  readonly placeholder?: string;
  /** Null: the text is well. */
  readonly check: (text: string) => string | null;
}

/** Asks for a line of text; what is wrong with it is told while it is typed. Undefined: the person gave up. */
export function askText(question: TextQuestion, position: StepPosition): Answer<string> {
  const input = vscode.window.createInputBox();
  input.prompt = question.prompt;
  input.value = question.value;
  // All of the proposal is selected: whoever types replaces it.
  input.valueSelection = [0, question.value.length];
  input.placeholder = question.placeholder;
  const check = (): string | null => question.check(input.value.trim());
  const tell = (message: string | null): void => {
    input.validationMessage = message ?? undefined;
  };
  // A proposal may collide with what is there already; an empty box is not blamed before anything was typed.
  if (question.value !== '') tell(check());
  return answered(input, question.title, position, (resolve) => [
    input.onDidChangeValue(() => tell(check())),
    input.onDidAccept(() => {
      const wrong = check();
      tell(wrong);
      if (wrong === null) resolve(input.value.trim());
    }),
  ]);
}

export interface Choice<Value> extends vscode.QuickPickItem {
  readonly value: Value;
}

export interface ChoiceQuestion<Value> {
  readonly title: string;
  readonly placeholder: string;
  readonly items: readonly Choice<Value>[];
  /** The one that is chosen by Enter alone. */
  readonly active?: Choice<Value> | undefined;
}

/** Lets one of several be chosen. Undefined: the person gave up. */
export function askChoice<Value>(question: ChoiceQuestion<Value>, position: StepPosition): Answer<Value> {
  const pick = vscode.window.createQuickPick<Choice<Value>>();
  pick.items = question.items;
  pick.placeholder = question.placeholder;
  pick.matchOnDescription = true;
  if (question.active !== undefined) pick.activeItems = [question.active];
  return answered(pick, question.title, position, (resolve) => [
    pick.onDidAccept(() => {
      const [chosen] = pick.selectedItems;
      if (chosen !== undefined) resolve(chosen.value);
    }),
  ]);
}

/** Lets any of several be chosen, all that are `picked` at first. */
export function askChoices<Value>(question: ChoiceQuestion<Value>, position: StepPosition): Answer<readonly Value[]> {
  const pick = vscode.window.createQuickPick<Choice<Value>>();
  pick.canSelectMany = true;
  pick.items = question.items;
  pick.selectedItems = question.items.filter(({ picked }) => picked === true);
  pick.placeholder = question.placeholder;
  return answered(pick, question.title, position, (resolve) => [
    pick.onDidAccept(() => {
      if (pick.selectedItems.length > 0) resolve(pick.selectedItems.map(({ value }) => value));
    }),
  ]);
}

/** Shows an input until it is answered, left by its button for going back, or closed. */
async function answered<T>(
  input: vscode.InputBox | vscode.QuickPick<vscode.QuickPickItem>,
  title: string,
  { step, total }: StepPosition,
  listen: (resolve: (value: T) => void) => readonly vscode.Disposable[],
): Answer<T> {
  input.title = title;
  if (total > 1) {
    input.step = step;
    input.totalSteps = total;
  }
  // Addresses and names are looked up elsewhere meanwhile.
  input.ignoreFocusOut = true;
  input.buttons = step > 1 ? [vscode.QuickInputButtons.Back] : [];
  const disposables: vscode.Disposable[] = [input];
  try {
    return await new Promise<T | typeof goBack | undefined>((resolve) => {
      disposables.push(
        ...listen(resolve),
        input.onDidHide(() => resolve(undefined)),
        input.onDidTriggerButton(() => resolve(goBack)),
      );
      input.show();
    });
  } finally {
    for (const disposable of disposables) disposable.dispose();
  }
}

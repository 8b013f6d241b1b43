/** What a step answers when the person wants the one before again. */
export const goBack = Symbol('go back');

/** Where a step stands among those that are known so far; both counted from 1. */
export interface StepPosition {
  readonly step: number;
  readonly total: number;
}

/** Asks one thing and adds the answer. Undefined: the person gave up. */
export type Step<Answers> = (answers: Answers, position: StepPosition) => Promise<Answers | typeof goBack | undefined>;

/**
 * Asks step after step, and back again. Which steps there are may depend on what was answered before. Whoever goes back finds the
 * answers given so far as proposals.
 * @returns undefined when the person gave up.
 */
export async function runSteps<Answers>(
  initial: Answers,
  stepsFor: (answers: Answers) => readonly Step<Answers>[],
): Promise<Answers | undefined> {
  let answers = initial;
  let index = 0;
  for (;;) {
    const steps = stepsFor(answers);
    const step = steps[index];
    if (step === undefined) return answers;
    const answered = await step(answers, { step: index + 1, total: steps.length });
    if (answered === undefined) return undefined;
    if (answered === goBack) index = Math.max(0, index - 1);
    else {
      answers = answered;
      index += 1;
    }
  }
}

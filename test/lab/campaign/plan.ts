import { Random } from '../../simulation/random.ts';
import type { DrawnFault, FaultKind } from './faults/fault.ts';
import { faultKinds } from './faults/faultKinds.ts';
import type { ArbiterKind, Setting } from './target.ts';

export interface PlannedFault extends DrawnFault {
  readonly kind: string;
  readonly movesNothing?: true;
}

/** One or two faults, then a look at everything. */
export interface PlannedStep {
  readonly first: PlannedFault;
  /** While the first one lasts, or while the pair recovers from it. */
  readonly second: { readonly fault: PlannedFault; readonly afterMs: number } | null;
  /** Whether the replicas are compared by a verify while the servers run, or byte by byte while they are stopped: that alone sees every record. */
  readonly check: 'running' | 'stopped';
  /** Both servers have to run on where they are, as each fault is one that moves nothing, and none adds to the other. */
  readonly movesNothing: boolean;
}

/** The steps on one cluster. */
export interface Round extends Setting {
  readonly number: number;
  readonly steps: readonly PlannedStep[];
}

export const stepsInRound = 20;
/** What a module file has without saying so, and what one has that wants to be fast, milliseconds. */
export const detectionsMs = [800, 3000];

/** Everything that chance decides, by the seed and the round's number alone. */
export function planRound(
  seed: number,
  number: number,
  arbiter: ArbiterKind | 'both',
  only: readonly string[] = [],
): Round {
  const chance = new Random(seed + Math.imul(number, 0x9e3779b9));
  const chosen = arbiter === 'both' ? ((seed + number) % 2 === 0 ? 'etcd' : 'witness') : arbiter;
  const detectionMs = chance.pick(detectionsMs);
  const deck = new Deck(chance, kindsFor(chosen, only), detectionMs);
  const steps: PlannedStep[] = [];
  for (let step = 1; step <= stepsInRound; step += 1) {
    const planned = planStep(chance, deck, detectionMs);
    steps.push(step === stepsInRound ? { ...planned, check: 'stopped' } : planned);
  }
  return { number, arbiter: chosen, detectionMs, steps };
}

function planStep(chance: Random, deck: Deck, detectionMs: number): PlannedStep {
  const first = deck.draw();
  const check = chance.next() < 0.5 ? 'running' : 'stopped';
  if (chance.next() < 0.55) return { first, second: null, check, movesNothing: first.movesNothing === true };
  const fault = deck.draw();
  const isBeside = chance.next() < 0.5;
  const afterMs = Math.round(isBeside ? chance.between(0, first.holdMs) : first.holdMs + chance.between(0, 6000));
  // Two silences one after the other are a longer one, and a witness that stands still answers no primary that goes on.
  const areApart = afterMs > first.holdMs + detectionMs;
  const movesNothing = first.movesNothing === true && fault.movesNothing === true && areApart;
  return { first, second: { fault, afterMs }, check, movesNothing };
}

/** The kinds that there are with this arbiter, and whose name has one of these in it. */
export function kindsFor(arbiter: ArbiterKind, only: readonly string[]): readonly FaultKind[] {
  return faultKinds.filter(
    (kind) =>
      (kind.arbiter === undefined || kind.arbiter === arbiter) &&
      (only.length === 0 || only.some((part) => kind.name.includes(part))),
  );
}

/** Every kind comes before one comes again. */
class Deck {
  #left: readonly FaultKind[] = [];

  constructor(
    private readonly chance: Random,
    private readonly kinds: readonly FaultKind[],
    private readonly detectionMs: number,
  ) {}

  draw(): PlannedFault {
    if (this.#left.length === 0) this.#left = this.kinds;
    const kind = this.chance.pick(this.#left);
    this.#left = this.#left.filter((each) => each !== kind);
    const moves = kind.movesNothing ? { movesNothing: kind.movesNothing } : {};
    return { kind: kind.name, ...moves, ...kind.draw(this.chance, this.detectionMs) };
  }
}

import type { Random } from '../../../simulation/random.ts';
import type { LabHost } from '../../harness/host.ts';
import type { HostName } from '../../harness/lab.ts';
import type { ModuleName } from '../modules.ts';
import type { Site } from '../site.ts';
import type { ArbiterKind, Target } from '../target.ts';

/** Ends a fault. */
export type Cure = () => Promise<void>;

/** What this machine does not let anybody bring about. */
export class NotHere {
  constructor(readonly why: string) {}
}

/** A fault whose every choice is made. */
export interface DrawnFault {
  /** For people, with what was drawn. */
  readonly title: string;
  /** How long it lasts, milliseconds. */
  readonly holdMs: number;
  /** Brings it about. Null when there is nothing that it could be brought about on, such as a host that is switched off. */
  readonly begin: (site: Site) => Promise<Cure | NotHere | null>;
}

/** A kind of fault: one row of the table at the end. */
export interface FaultKind {
  readonly name: string;
  /** Only with this arbiter. */
  readonly arbiter?: ArbiterKind;
  /** Alone it has no server moved, ended or started, whatever it strikes. */
  readonly movesNothing?: true;
  /** @param detectionMs the modules' detection time, milliseconds */
  readonly draw: (chance: Random, detectionMs: number) => DrawnFault;
}

export function drawOfPair(chance: Random): Target {
  return { role: chance.pick(['primary', 'secondary'] as const), module: drawModule(chance) };
}

export function drawOfAll(chance: Random): Target {
  return { role: chance.pick(['primary', 'secondary', 'third'] as const), module: drawModule(chance) };
}

export function drawModule(chance: Random): ModuleName {
  return chance.pick(['web', 'db'] as const);
}

export function describeTarget({ role, module }: Target): string {
  return role === 'third' ? 'gamma' : `the ${role} of ${module}`;
}

/** Milliseconds. */
export function drawShort(chance: Random): number {
  return Math.round(chance.between(200, 2200));
}
/** Shorter than the detection time, also with the heartbeat before it and the way back to the others after it; milliseconds. */
export function drawShorter(chance: Random, detectionMs: number): number {
  return Math.round(chance.between(detectionMs / 5, Math.min(0.8 * detectionMs, detectionMs - 450)));
}
/** Longer than any detection time that is drawn, milliseconds. */
export function drawLong(chance: Random): number {
  return Math.round(chance.between(3500, 9000));
}
export function drawAny(chance: Random): number {
  return chance.next() < 0.5 ? drawShort(chance) : drawLong(chance);
}

/** Does something on a host that is on. A host that loses its power meanwhile fails nothing: there is nothing left to do on it. */
export async function onHost(
  site: Site,
  name: HostName,
  act: (host: LabHost) => Promise<Cure | NotHere | null>,
): Promise<Cure | NotHere | null> {
  const host = site.host(name);
  const whileOn = async <T>(work: () => Promise<T>): Promise<T | null> => {
    const life = host.isOn ? host.firstPid : null;
    if (life === null) return null;
    try {
      return await work();
    } catch (error) {
      if (!host.isOn || host.firstPid !== life) return null;
      throw error;
    }
  };
  const cure = await whileOn(() => act(host));
  return cure === null || cure instanceof NotHere ? cure : async () => void (await whileOn(cure));
}

export const nothing: Cure = () => Promise.resolve();

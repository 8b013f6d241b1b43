import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { ResolvedCheck, ResolvedCondition } from '../../schemas/resolvedChecks.ts';
import { fault, type Fault, type Stage } from './fault.ts';
import { aliveEveryMs } from './server.ts';

/** Between two restarts the core waits longer each time. */
const beforeRestartMs = 500;
/** And so long where no restart is left and no other host may take the server. */
const whenGivenUpMs = 30_000;
/** A start and a stop together take less. */
const startAndStopMs = 25_000;
/** What takes longer until it counts as a failure is not played, nor what takes twice as long until its end is known. */
const longestMs = 1_200_000;
/** Restarts alone are worth a longer play. */
const longestDeathsMs = 7_200_000;
/** For a fault to come somewhere between two looks this is enough. */
const longestPhaseMs = 60_000;

/** A server that dies, or does not do its work, and hosts that do not meet a condition. */
export function faultsOfServer(stage: Stage): readonly Fault[] {
  const { module } = stage;
  return [
    ...(noticedWithinMs(module) <= longestMs ? [serverCrash(stage)] : []),
    ...(areDeathsPlayed(module) ? [serverCrashesAgain(stage)] : []),
    ...module.checks.filter((check) => isCheckPlayed(module, check)).map((check) => checkFails(stage, check)),
    ...module.failover.conditions
      .filter((condition) => isConditionPlayed(module, condition))
      .map((condition) => conditionFails(stage, condition)),
  ];
}

/** What is left out of {@link faultsOfServer} since it takes so long that nobody would wait for the end of the play. */
export function leftOut(module: ResolvedModule): readonly string[] {
  const { checks, failover, name } = module;
  const death = noticedWithinMs(module) <= longestMs ? 'dies after each start' : 'dies';
  return [
    ...(areDeathsPlayed(module) ? [] : [`the server of ${name} ${death}`]),
    ...checks.filter((check) => !isCheckPlayed(module, check)).map((check) => `the check “${check.name}” fails`),
    ...failover.conditions
      .filter((condition) => !isConditionPlayed(module, condition))
      .map((condition) => `the condition “${condition.name}” is not met`),
  ];
}

function areDeathsPlayed(module: ResolvedModule): boolean {
  return noticedWithinMs(module) <= longestMs && deathsWithinMs(module) <= longestDeathsMs;
}

function isCheckPlayed(module: ResolvedModule, check: ResolvedCheck): boolean {
  const { cycleMs, atMostMs } = checkTimes(module, check);
  return cycleMs <= longestMs && atMostMs <= 2 * longestMs;
}

function isConditionPlayed(module: ResolvedModule, condition: ResolvedCondition): boolean {
  return conditionCalmMs(module, condition) <= longestMs;
}

/** Until somebody knows of a server that has died by itself: at once of QEMU, otherwise by the next look at it. */
function noticedWithinMs(module: ResolvedModule): number {
  if (module.server.kind === 'qemu') return 0;
  const acting = module.checks.filter(({ onFailure }) => onFailure !== 'report');
  return aliveEveryMs(module) ?? Math.max(0, ...acting.map(failsWithinMs));
}

/**
 * Until a server that fails after each start has no restart left; or until it is known that it will always have one, since the first ones are
 * over by then.
 */
function restartsWithinMs({ failover }: ResolvedModule, cycleMs: number): number {
  const { restarts, restartPeriodMs } = failover;
  const lastWaitMs = restarts * beforeRestartMs;
  const usedUpMs = (restarts + 2) * cycleMs + (restarts * lastWaitMs) / 2;
  return Math.min(usedUpMs, restartPeriodMs + 3 * (cycleMs + lastWaitMs)) + 4 * whenGivenUpMs;
}

function deathsWithinMs(module: ResolvedModule): number {
  return restartsWithinMs(module, noticedWithinMs(module) + startAndStopMs);
}

function serverCrash({ name, primary, module }: Stage): Fault {
  return fault('server-crash', primary, `the server of ${name} dies once on ${primary} (primary)`, [
    {
      says: `the server of ${name} dies on ${primary}, which is well`,
      as: 'fault',
      host: primary,
      act: (world) => world.crashServer(primary),
      time: { calmMs: noticedWithinMs(module) + startAndStopMs },
    },
  ]);
}

function serverCrashesAgain(stage: Stage): Fault {
  const { name, primary, module } = stage;
  const longestWaitMs = whenGivenUpMs + module.failover.restarts * beforeRestartMs;
  return fault('server-crashes-again', primary, `the server of ${name} dies on ${primary} after each start`, [
    {
      says: `the server of ${name} dies on ${primary}, and does so again after each start there`,
      as: 'fault',
      host: primary,
      act: (world) => {
        world.servers.crashesOn = primary;
        world.crashServer(primary);
      },
      time: {
        calmMs: noticedWithinMs(module) + longestWaitMs + startAndStopMs,
        atMostMs: deathsWithinMs(module),
      },
    },
  ]);
}

/** Longer than it takes until a check counts as failed, milliseconds. */
function failsWithinMs({ everyMs, timeoutMs, failures }: ResolvedCondition): number {
  return (failures + 1) * everyMs + timeoutMs;
}

/** From one failure that counts to the next one, and until it is known what comes of them. */
function checkTimes(module: ResolvedModule, check: ResolvedCheck): { cycleMs: number; atMostMs: number } {
  const cycleMs = failsWithinMs(check) + check.startGraceMs + startAndStopMs;
  return { cycleMs, atMostMs: check.onFailure === 'restart' ? restartsWithinMs(module, cycleMs) : 2 * cycleMs };
}

function checkFails({ name, primary, module }: Stage, check: ResolvedCheck): Fault {
  const { cycleMs, atMostMs } = checkTimes(module, check);
  const says = `the check “${check.name}” fails on ${primary}, whatever is done there`;
  return fault(
    'check-fails',
    primary,
    `the check “${check.name}” of ${name} fails on ${primary} (primary)`,
    [
      {
        says,
        as: 'fault',
        host: primary,
        act: (world) => world.looks.setFailing(primary, check.name, true),
        time: { calmMs: cycleMs + module.failover.restarts * beforeRestartMs, atMostMs },
      },
    ],
    { subject: check.name, everyMs: Math.min(check.everyMs, longestPhaseMs) },
  );
}

function conditionCalmMs({ failover }: ResolvedModule, condition: ResolvedCondition): number {
  return failsWithinMs(condition) + condition.everyMs + condition.timeoutMs + 3 * failover.detectionMs + 9000;
}

function conditionFails({ primary, module }: Stage, condition: ResolvedCondition): Fault {
  const time = { calmMs: conditionCalmMs(module, condition), atMostMs: 2 * longestMs };
  return fault(
    'condition-fails',
    primary,
    `${primary} (primary) does not meet the condition “${condition.name}”`,
    [
      {
        says: `${primary} alone does not meet the condition “${condition.name}”`,
        as: 'fault',
        host: primary,
        act: (world) => world.looks.setFailing(primary, condition.name, true),
        time,
      },
      {
        says: `${primary} meets it again`,
        as: 'end',
        host: primary,
        act: (world) => world.looks.setFailing(primary, condition.name, false),
        time,
      },
    ],
    { subject: condition.name, everyMs: Math.min(condition.everyMs, longestPhaseMs) },
  );
}

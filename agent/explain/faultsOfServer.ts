import type { ResolvedCheck, ResolvedCondition } from '../../schemas/resolvedChecks.ts';
import { fault, type Fault, type Stage } from './fault.ts';

/** Between two restarts the core waits longer each time. */
const beforeRestartMs = 500;
/** Nobody waits for an end of what takes longer. */
const longestMs = 3_600_000;
/** For a fault to come somewhere between two looks this is enough. */
const longestPhaseMs = 60_000;

/** A server that dies, or does not do its work, and hosts that do not meet a condition. */
export function faultsOfServer(stage: Stage): readonly Fault[] {
  const { module } = stage;
  return [
    serverCrash(stage),
    serverCrashesAgain(stage),
    ...module.checks.map((check) => checkFails(stage, check)),
    ...module.failover.conditions.map((condition) => conditionFails(stage, condition)),
  ];
}

function serverCrash({ name, primary }: Stage): Fault {
  return fault('server-crash', primary, `the server of ${name} dies once on ${primary} (primary)`, [
    {
      says: `the server of ${name} dies on ${primary}, which is well`,
      as: 'fault',
      host: primary,
      act: (world) => world.crashServer(primary),
    },
  ]);
}

function serverCrashesAgain(stage: Stage): Fault {
  const { name, primary, module } = stage;
  const { restarts, detectionMs } = module.failover;
  return fault('server-crashes-again', primary, `the server of ${name} dies on ${primary} after each start`, [
    {
      says: `the server of ${name} dies on ${primary}, and does so again after each start there`,
      as: 'fault',
      host: primary,
      act: (world) => {
        world.servers.crashesOn = primary;
        world.crashServer(primary);
      },
      time: { calmMs: 2 * detectionMs + 9000 + restarts * beforeRestartMs, atMostMs: longestMs },
    },
  ]);
}

/** Longer than it takes until a check counts as failed, milliseconds. */
function failsWithinMs({ everyMs, timeoutMs, failures }: ResolvedCondition): number {
  return (failures + 1) * everyMs + timeoutMs;
}

function checkFails({ name, primary, module }: Stage, check: ResolvedCheck): Fault {
  const calmMs = Math.min(
    longestMs,
    failsWithinMs(check) + check.startGraceMs + 2 * module.failover.detectionMs + 9000,
  );
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
        time: { calmMs, atMostMs: 2 * longestMs },
      },
    ],
    { subject: check.name, everyMs: Math.min(check.everyMs, longestPhaseMs) },
  );
}

function conditionFails({ primary, module }: Stage, condition: ResolvedCondition): Fault {
  const settleMs = condition.everyMs + condition.timeoutMs + 3 * module.failover.detectionMs + 9000;
  const time = { calmMs: Math.min(longestMs, failsWithinMs(condition) + settleMs), atMostMs: 2 * longestMs };
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

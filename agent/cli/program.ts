import { Command, CommanderError } from 'commander';
import { ApiListenError } from '../api/apiListeners.ts';
import { RefusedByAgentError, TimedOutError, UnreachableError } from '../api/clientErrors.ts';
import { ListenError } from '../host/linkListener.ts';
import { SecurityError } from '../security/securityError.ts';
import { agentVersion } from '../version.ts';
import { WitnessError } from '../witness/control.ts';
import { CliError, exitCodes, exitCodesHelp } from './exitCodes.ts';
import type { ExitCode } from './exitCodes.ts';
import type { Io } from './io.ts';
import { printJson } from './verb.ts';
import type { AddVerb, VerbContext } from './verb.ts';
import { addAgent } from './verbs/agent.ts';
import { addApply } from './verbs/apply.ts';
import { addAside } from './verbs/aside.ts';
import { addDiff } from './verbs/diff.ts';
import { addDrain } from './verbs/drain.ts';
import { addExplain } from './verbs/explain.ts';
import { addFence } from './verbs/fence.ts';
import { addForcePrimary } from './verbs/forcePrimary.ts';
import { addImport } from './verbs/import.ts';
import { addInit } from './verbs/init.ts';
import { addJoin } from './verbs/join.ts';
import { addLanguageServer } from './verbs/languageServer.ts';
import { addLog } from './verbs/log.ts';
import { addMaintenance } from './verbs/maintenance.ts';
import { addResolve } from './verbs/resolve.ts';
import { addRestore } from './verbs/restore.ts';
import { addResync } from './verbs/resync.ts';
import { addStart } from './verbs/start.ts';
import { addStatus } from './verbs/status.ts';
import { addStop } from './verbs/stop.ts';
import { addSwitchover } from './verbs/switchover.ts';
import { addToken } from './verbs/token.ts';
import { addUndrain } from './verbs/undrain.ts';
import { addUpgrade } from './verbs/upgrade.ts';
import { addValidate } from './verbs/validate.ts';
import { addVersions } from './verbs/versions.ts';
import { addVerify } from './verbs/verify.ts';
import { addWitness } from './verbs/witness.ts';

const verbs: readonly AddVerb[] = [
  addStatus,
  addStart,
  addStop,
  addSwitchover,
  addDrain,
  addUndrain,
  addMaintenance,
  addForcePrimary,
  addFence,
  addResolve,
  addVerify,
  addResync,
  addAside,
  addLog,
  addValidate,
  addImport,
  addExplain,
  addApply,
  addVersions,
  addDiff,
  addRestore,
  addInit,
  addJoin,
  addToken,
  addUpgrade,
  addLanguageServer,
  addAgent,
  addWitness,
];

/**
 * Runs the command line. Never throws: whatever happens becomes a message and an exit code.
 * @param args without the program's own name.
 */
export async function runCommandLine(args: readonly string[], io: Io): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const context: VerbContext = {
    io,
    run: async (json, action) => {
      try {
        exitCode = await action();
      } catch (error) {
        exitCode = report(error, json, io);
      }
    },
  };
  const program = new Command('understudy')
    .description('Keeps virtual servers running when a physical server dies: synchronous mirror and failover.')
    .version(agentVersion)
    .exitOverride()
    .configureOutput({ writeOut: io.stdout, writeErr: io.stderr })
    .showHelpAfterError('(`--help` shows how it is used)')
    .showSuggestionAfterError()
    .addHelpText('after', exitCodesHelp);
  for (const add of verbs) add(program, context);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return report(error, false, io);
  }
  return exitCode;
}

interface Reported {
  readonly exitCode: ExitCode;
  readonly code: string;
  readonly message: string;
  readonly numbers: object;
}

function report(error: unknown, json: boolean, io: Io): ExitCode {
  const { exitCode, code, message, numbers } = classify(error);
  if (json) printJson(io, { ok: false, error: { code, reason: message, numbers } });
  else io.stderr(`understudy: ${message}\n`);
  return exitCode;
}

function classify(error: unknown): Reported {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CliError) return { exitCode: error.exitCode, code: error.code, message, numbers: error.numbers };
  if (error instanceof RefusedByAgentError) {
    return {
      exitCode: exitCodes.refused,
      code: error.refusal.code,
      message: error.refusal.reason,
      numbers: error.refusal.numbers ?? {},
    };
  }
  if (error instanceof TimedOutError) return { exitCode: exitCodes.timedOut, code: 'TIMEOUT', message, numbers: {} };
  if (error instanceof UnreachableError) {
    return { exitCode: exitCodes.unreachable, code: 'UNREACHABLE', message, numbers: {} };
  }
  if (error instanceof SecurityError || error instanceof ApiListenError || error instanceof ListenError) {
    return { exitCode: exitCodes.invalid, code: error.code, message, numbers: {} };
  }
  if (error instanceof WitnessError) return { exitCode: exitCodes.refused, code: 'WITNESS', message, numbers: {} };
  // Node's file errors name the call, the reason and the file.
  if (error instanceof Error && 'syscall' in error && 'path' in error) {
    return { exitCode: exitCodes.usage, code: 'FILE', message, numbers: {} };
  }
  return {
    exitCode: exitCodes.internal,
    code: 'INTERNAL',
    message: `internal error: ${error instanceof Error ? (error.stack ?? message) : message}`,
    numbers: {},
  };
}

import type { ModuleStatus } from '../../schemas/generated/api.ts';
import { divergedReplica, isServerDown, primaryReplica } from './moduleFacts.ts';

/** What an action does now, in words. */
export interface Effect {
  /** A sentence, for a button. */
  readonly hint: string;
  /** A sentence or two, for the question that is asked before. */
  readonly effect: string;
}

/** What starting a module does. */
export function startEffect(module: ModuleStatus): Effect {
  const primary = primaryReplica(module);
  if (primary === undefined) {
    return {
      hint: 'Start the module on both hosts.',
      effect: `The mirror starts on ${module.hosts.join(' and ')}, then the server on one of them.`,
    };
  }
  if (isServerDown(primary)) {
    return {
      hint: `Start the server on ${primary.host}.`,
      effect: `The server starts on ${primary.host}, which serves the mirror.`,
    };
  }
  const other = otherHost(module, primary.host);
  return {
    hint: `Start the mirror on ${other}.`,
    effect: `The mirror starts on ${other}; ${primary.host} goes on serving it.`,
  };
}

/** What speaks against forcing a host. */
export interface ForceRisk extends Effect {
  /** Goes on `to start it on beta`. */
  readonly although: string;
}

/** What speaks against forcing a host. */
export function forceRisk(module: ModuleStatus, host: string): ForceRisk {
  const other = otherHost(module, host);
  if (module.onHosts.some((replica) => replica.host === host && replica.known && replica.notFenced)) {
    return {
      hint: `Start ${host}, although ${other} could not be fenced and may still run the server. No acknowledged write is lost.`,
      effect: `${host} holds every acknowledged write, and was granted the module. But ${other} could not be fenced: if the server still runs there, there are two. Be certain that ${other} is off.`,
      although: `although it may still run on ${other}`,
    };
  }
  if (module.inSync.includes(host)) {
    return {
      hint: `Start ${host}, which holds every acknowledged write as far as is known. ${other} may have gone on without it.`,
      effect: `As far as is known ${host} holds every acknowledged write. But if ${other} has gone on without it since, what was written there will be missing, and if the server still runs there, there are two. Be certain that ${other} is off.`,
      although: `although ${other} may have gone on without it`,
    };
  }
  return {
    hint: 'Start a replica that is not known to be in sync. Acknowledged writes may be lost.',
    effect: `${host} starts with what is on its own disk. Acknowledged writes that only ${other} holds will be missing, and if the server still runs on ${other} there are two.`,
    although: 'although writes may be lost',
  };
}

/** What speaks against forcing one of several hosts. */
export function forceHint(module: ModuleStatus, hosts: readonly string[]): string {
  const hints = [...new Set(hosts.map((host) => forceRisk(module, host).hint))];
  return hints.length === 1 && hints[0] !== undefined
    ? hints[0]
    : 'Start one of the hosts, which you choose. What each of them risks is said before.';
}

/** What keeping the history of `keep` does to both hosts; undefined: the module has not diverged. */
export function resolveEffect(module: ModuleStatus, keep: string): string | undefined {
  const waits = divergedReplica(module);
  if (!waits?.diverged) return undefined;
  const { since, epoch, from, fromEpoch } = waits.diverged;
  const loser = keep === from ? waits.host : from;
  const serving = primaryReplica(module)?.host;
  return [
    `${waits.host} (epoch ${epoch}) and ${from} (epoch ${fromEpoch}) both went on ${since === 0 ? 'from the beginning' : `after epoch ${since}`}.`,
    `What ${loser} holds is put aside in a folder on ${loser}; then ${loser} is brought up to date.`,
    serving === keep
      ? `The server goes on running on ${keep}.`
      : `The server is ${serving === loser ? `stopped on ${loser} and ` : ''}started on ${keep}, without anything that was written on ${loser} since.`,
  ].join('\n\n');
}

function otherHost(module: ModuleStatus, host: string): string {
  return module.hosts.find((name) => name !== host) ?? 'the other host';
}

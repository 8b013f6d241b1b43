import type { CheckDraft, Draft, Sourced } from '../draft.ts';
import { cutText, timeText } from '../duration.ts';
import type { ScriptPlan } from '../scripts/plan.ts';
import { jsoncText, type Item, type Property } from './jsonc.ts';

/** What the module file says when the hosts are not known. Both are names that hosts could have, so that only the cluster file refuses them. */
const unknownHosts = ['first-host', 'second-host'] as const;

export interface ModuleTextOptions {
  readonly draft: Draft;
  readonly plan: ScriptPlan;
  /** What was imported, for people. */
  readonly source: string;
  /** Where the scripts will be on the hosts, absolute. */
  readonly scriptsFolder: string;
  /** As the person says; null: not known. */
  readonly hosts: readonly [string, string] | null;
}

/** The module file. */
export function moduleText(options: ModuleTextOptions): string {
  const { draft, source } = options;
  const heading = [
    `Imported from ${source}. Comments say where each value is from; import-report.md in scripts/${draft.name} tells what became of everything.`,
    'FILL IN marks what only you know.',
  ];
  const properties: Property[] = [
    { key: 'name', value: plain(draft.name) },
    hostsOf(options),
    { key: 'mirror', value: { properties: mirrorOf(draft) } },
    { key: 'server', value: { properties: [{ key: 'scripts', value: { properties: scriptsOf(options) } }] } },
  ];
  const add = (key: string, value: Property['value'], comment: string | null = null): void => {
    properties.push({ key, value, comment });
  };
  if (draft.addresses.length > 0) add('virtualAddresses', { items: addressesOf(draft) });
  if (options.plan.hooks.length > 0) add('hooks', { properties: hooksOf(options) });
  const failover = failoverOf(options);
  if (failover.length > 0) add('failover', { properties: failover });
  if (draft.bandwidth !== null) {
    add('resync', {
      properties: [{ key: 'bandwidth', value: plain(draft.bandwidth.value), comment: draft.bandwidth.from }],
    });
  }
  if (draft.checks.length > 0) add('checks', { items: draft.checks.map((check) => checkItem(check, options, true)) });
  if (draft.dependsOn.length > 0) add('dependsOn', { items: draft.dependsOn.map(sourcedItem) });
  return jsoncText(properties, heading);
}

function hostsOf({ draft, hosts }: ModuleTextOptions): Property {
  if (hosts !== null) return { key: 'hosts', value: plain(hosts), comment: 'As you said.' };
  const first = draft.preferredHost?.value ?? unknownHosts[0];
  const second = first === unknownHosts[1] ? unknownHosts[0] : unknownHosts[1];
  const preferred = draft.preferredHost === null ? '' : ` The first one is from ${draft.preferredHost.from}.`;
  const comment = `FILL IN: the two hosts, as the cluster file names them, in order of preference. SafeKit has them in cluster.xml.${preferred}`;
  return { key: 'hosts', value: plain([first, second]), comment };
}

function mirrorOf(draft: Draft): Property[] {
  const directories: Property =
    draft.directories.length > 0
      ? { key: 'directories', value: { items: draft.directories.map(sourcedItem) } }
      : {
          key: 'directories',
          value: plain([`/srv/${draft.name}`]),
          comment:
            'FILL IN: the directories that hold the data of the server. The module names none that could be mirrored.',
        };
  return draft.exclude.length === 0
    ? [directories]
    : [directories, { key: 'exclude', value: { items: draft.exclude.map(sourcedItem) } }];
}

function scriptsOf({ plan, scriptsFolder }: ModuleTextOptions): Property[] {
  const properties: Property[] = [
    { key: 'start', value: plain([`${scriptsFolder}/start`]), comment: plan.startFrom },
    { key: 'stop', value: plain([`${scriptsFolder}/stop`]), comment: plan.stopFrom },
  ];
  if (plan.hasCheck) {
    properties.push({ key: 'check', value: plain([`${scriptsFolder}/check`]), comment: plan.startFrom });
  }
  if (plan.timeout !== null) {
    properties.push({
      key: 'timeout',
      value: plain(timeText(plan.timeout, 'scriptTimeout')),
      comment: plan.timeoutFrom + cutText(plan.timeout, 'scriptTimeout'),
    });
  }
  return properties;
}

function addressesOf({ addresses, networks }: Draft): Item[] {
  const network = networks[0] ?? 'lan';
  return addresses.map(({ value, from }) =>
    value.interface === null
      ? {
          value: plain({ address: value.address, network }),
          comment: `${from}. FILL IN: the network of the cluster file that it belongs to; SafeKit finds the interface by the address.`,
        }
      : { value: plain({ address: value.address, interface: value.interface }), comment: from },
  );
}

function hooksOf({ plan, scriptsFolder }: ModuleTextOptions): Property[] {
  const properties: Property[] = plan.hooks.map(({ name, file }) => ({
    key: name,
    value: plain([`${scriptsFolder}/${file}`]),
  }));
  if (plan.hooksTimeout !== null) {
    properties.push({
      key: 'timeout',
      value: plain(timeText(plan.hooksTimeout, 'hookTimeout')),
      comment: plan.timeoutFrom + cutText(plan.hooksTimeout, 'hookTimeout'),
    });
  }
  return properties;
}

function failoverOf(options: ModuleTextOptions): Property[] {
  const { draft } = options;
  const properties: Property[] = [];
  const add = (key: string, value: unknown, comment: string): void => {
    properties.push({ key, value: plain(value), comment });
  };
  const { automatic, detection, restarts, restartPeriod, failback } = draft;
  if (automatic !== null) add('automatic', automatic.value, automatic.from);
  if (detection !== null) add('detection', timeText(detection.value, 'detection'), detection.from);
  if (restarts !== null) add('restarts', restarts.value, restarts.from);
  if (restartPeriod !== null) add('restartPeriod', timeText(restartPeriod.value, 'restartPeriod'), restartPeriod.from);
  if (failback !== null) add('failback', failback.value, failback.from);
  if (draft.conditions.length > 0) {
    properties.push({
      key: 'conditions',
      value: { items: draft.conditions.map((condition) => checkItem(condition, options, false)) },
    });
  }
  return properties;
}

function checkItem(check: CheckDraft, { scriptsFolder }: ModuleTextOptions, isCheck: boolean): Item {
  const { name, kind, every, timeout, failures, startGrace, onFailure, from } = check;
  const { command } = kind;
  const target = Array.isArray(command)
    ? {
        command: (command as readonly string[]).map((word, index) =>
          index === 0 ? word.replace(/^@/, `${scriptsFolder}/`) : word,
        ),
      }
    : kind;
  return {
    value: plain({
      name,
      ...target,
      ...(every !== undefined && { every: timeText(every, 'every') }),
      ...(timeout !== undefined && { timeout: timeText(timeout, 'timeout') }),
      ...(failures !== undefined && { failures }),
      ...(isCheck && startGrace !== undefined && { startGrace: timeText(startGrace, 'startGrace') }),
      ...(isCheck && { onFailure: onFailure ?? 'report' }),
    }),
    comment: from,
  };
}

function sourcedItem({ value, from }: Sourced<string>): Item {
  return { value: plain(value), comment: from };
}

function plain(value: unknown): { readonly plain: unknown } {
  return { plain: value };
}

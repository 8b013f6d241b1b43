import { changedBytes } from '../guest/compareTrees.ts';
import { readSerial } from '../guest/serialLog.ts';
import { GuestWatch } from '../harness/guestWatch.ts';
import { LabCluster, otherOf, pair, type PairName } from '../harness/labCluster.ts';
import { LabError } from '../harness/labError.ts';

/** What the story measured; the names are those of the line that it ends with. Times in milliseconds. */
export interface StoryResult {
  /** From the loss of power to the moment when the server ran on the other host, by that host's agent. */
  readonly failoverMs: number;
  /** From the loss of power to the first record that the guest reported as durable there. */
  readonly guestBackMs: number;
  /** Records that the guest reported as durable over its console, on both hosts together. */
  readonly recordsAcknowledged: number;
  /** Of these, how many are not on the disk of both replicas as they were reported. */
  readonly recordsLost: number;
  readonly resyncBytes: number;
  /** Bytes of the 4 KiB blocks in which the two images differed just before the returning host's agent started. */
  readonly changedBytes: number;
  readonly resyncMs: number;
  /** From the operator's request to the moment when the server ran on the other host. */
  readonly switchoverMs: number;
  /** Total time during which guests ran on both hosts. */
  readonly twoPrimariesMs: number;
}

/** Tells the whole story once and returns what it measured. Rejects when a part of it does not come true. */
export async function tellStory(log: (line: string) => void): Promise<StoryResult> {
  const cluster = await LabCluster.create({ log });
  const watch = new GuestWatch(cluster.lab.hosts);
  try {
    return await tell(cluster, watch, log);
  } finally {
    watch.stop();
    cluster.destroy();
  }
}

async function tell(cluster: LabCluster, watch: GuestWatch, log: (line: string) => void): Promise<StoryResult> {
  const first: PairName = 'alpha';
  const second = otherOf(first);
  log(`starting the module web on ${first}`);
  await cluster.startModule(first);
  log('the pair is in sync; the guest writes records');
  await cluster.waitForRecords(first, 40);

  const beforeLoss = await cluster.lastRecord(second);
  const lossAt = await cluster.powerLoss(first);
  log(`power loss of ${first}: all its processes and its network are gone`);
  await cluster.waitUntilServing(second);
  const failoverMs = serverStart(cluster, second) - lossAt;
  log(`the server runs on ${second} after ${failoverMs} ms`);
  const guestBackMs = (await firstRecordAfter(cluster, second, beforeLoss)) - lossAt;
  log(`the guest reported its first record there after ${guestBackMs} ms; it works on for a while`);
  await cluster.waitForRecords(second, 120);

  log(`${first} gets its power back`);
  await cluster.host(first).powerOn();
  const changed = await changedBytes(cluster.image(first), cluster.image(second));
  log(`its image differs in ${changed} bytes; its agent starts`);
  await cluster.host(first).startAgent();
  await cluster.waitUntilHealthy(second);
  const resync = cluster.view.module(second, 'web')?.lastResync;
  if (resync?.host !== first) {
    throw new LabError(`${second} reports no resync of ${first}.\n${cluster.view.describe()}`);
  }
  log(`${resync.kind} resync of ${first}: ${resync.sent} bytes in ${resync.durationMs} ms, while the guest ran on`);
  await cluster.waitForRecords(second, 20);

  log(`switchover to ${first}`);
  const askedAt = Date.now();
  await cluster.view.request(second, 'module.switchover', { module: 'web', to: first });
  await cluster.waitUntilServing(first);
  const switchoverMs = serverStart(cluster, first) - askedAt;
  log(`the server runs on ${first} after ${switchoverMs} ms`);
  await cluster.waitUntilHealthy(first);
  await cluster.waitForRecords(first, 20);

  log('stopping the module and comparing the replicas');
  const { verdicts, differences } = await cluster.stopAndJudge();
  if (differences.length > 0) throw new LabError(`The replicas differ:\n${differences.join('\n')}`);
  const outOfOrder = verdicts.find((verdict) => verdict.firstOutOfOrder !== null);
  if (outOfOrder !== undefined) {
    throw new LabError(`Record ${outOfOrder.firstOutOfOrder} is not in its place on the disk.`);
  }
  await checkBoots(cluster);
  log(`both replicas are equal; the watch for two guests never looked away for more than ${watch.longestGapMs} ms`);
  return {
    failoverMs,
    guestBackMs,
    recordsAcknowledged: verdicts[0]?.acknowledged ?? 0,
    recordsLost: new Set(verdicts.flatMap((verdict) => verdict.lost)).size,
    resyncBytes: resync.sent,
    changedBytes: changed,
    resyncMs: resync.durationMs,
    switchoverMs,
    twoPrimariesMs: watch.overlapMs,
  };
}

/** When the server came to run there, by the agent's clock (which is this machine's). */
function serverStart(cluster: LabCluster, host: PairName): number {
  const startedAt = cluster.view.replica(host, 'web')?.server.startedAt ?? null;
  if (startedAt === null) throw new LabError(`The agent on ${host} does not say when the server started.`);
  return Date.parse(startedAt);
}

async function firstRecordAfter(cluster: LabCluster, host: PairName, before: number): Promise<number> {
  const end = Date.now() + 60_000;
  while ((await cluster.lastRecord(host)) <= before) {
    if (Date.now() > end) throw new LabError(`The guest reported no record on ${host}.\n${cluster.view.describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return Date.now();
}

/** Two guests that ran at once, or one that started from an older disk, would have counted the same boot twice. */
async function checkBoots(cluster: LabCluster): Promise<void> {
  const reports = await Promise.all(pair.map((_, index) => readSerial(cluster.serialLogs()[index] ?? '')));
  const boots = reports.flatMap((report) => report.boots);
  const numbers = boots.map((boot) => boot.boot);
  if (new Set(numbers).size !== numbers.length) {
    throw new LabError(`The guest counted boots twice: ${numbers.join(', ')}.`);
  }
  const bad = boots.find((boot) => boot.bad !== 'none');
  if (bad !== undefined) throw new LabError(`At boot ${bad.boot} the guest found record ${bad.bad} out of place.`);
}

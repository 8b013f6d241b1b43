import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { fillTree, nameInTree, settleTrees } from './bigTree.ts';
import { BusyGuest } from './busyGuest.ts';
import { Pair, type TestHost } from './pairHarness.ts';

const FILES = Number(process.env['UNDERSTUDY_FILES'] ?? 1_000_000);
const LIMIT_MS = 1_200_000;
const MIB = 1024;

let pair: Pair;
let guest: BusyGuest | null = null;
/** The primary's files below its mount. */
let below: string;

afterEach(async () => {
  guest?.kill();
  execFileSync('umount', [below]);
  await pair.remove();
});

/** The most memory that a host's mirror process had since the last call, MiB. */
function peak({ mirror }: TestHost): number {
  const of = `/proc/${mirror.pid ?? 0}`;
  const most = Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`${of}/status`, 'latin1'))?.[1]);
  fs.writeFileSync(`${of}/clear_refs`, '5');
  return Math.round(most / MIB);
}

const report: string[] = [];
let since = performance.now();
function note(what: string, more = ''): void {
  const memory = [pair.alpha, pair.beta].map((host) => (host.isOpen ? `${peak(host)} MiB` : 'away')).join(' / ');
  const seconds = ((performance.now() - since) / 1000).toFixed(1);
  report.push(`${what}: ${seconds} s, ${memory}${more === '' ? '' : `, ${more}`}`);
  console.log(report.at(-1));
  since = performance.now();
}

async function startAgain(host: TestHost, empty: boolean): Promise<void> {
  if (empty) {
    fs.rmSync(host.options.stateDirectory, { recursive: true, force: true });
    fs.rmSync(host.directory, { recursive: true, force: true });
    fs.mkdirSync(host.directory);
  }
  await host.open();
}

it(`${FILES} files in a tree: made on the mirror, taken over, resynchronised by what changed and from nothing`, async () => {
  pair = new Pair({ both: { acknowledgeTimeoutMs: 10_000 } });
  const { alpha, beta } = pair;
  below = path.join(alpha.base, 'below');
  fs.mkdirSync(below);
  execFileSync('mount', ['--bind', alpha.directory, below]);
  execFileSync('mount', ['--make-private', below]);
  await pair.open();
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  const equal = async () => {
    const { entries, found } = await settleTrees(below, beta.directory, 20_000);
    expect(found).toEqual([]);
    expect(entries).toBeGreaterThan(FILES);
  };

  since = performance.now();
  await fillTree(alpha.directory, FILES);
  note('made');
  await equal();

  guest = new BusyGuest(alpha.directory, 'guest');
  await guest.goesOn();
  let from = alpha.seen.length;
  since = performance.now();
  process.kill(alpha.mirror.pid ?? 0, 'SIGKILL');
  const { durationMs } = await alpha.event('tookOver', from, 120_000);
  await pair.goAlone(alpha);
  await guest.goesOn();
  note('taken over', `programs waited ${durationMs} ms`);
  let { progress } = await pair.join(alpha, beta, LIMIT_MS);
  expect(progress.kind).toBe('delta');
  note('in step after the take-over', `${progress.sent} bytes, slowest call ${guest.slowest} ms`);

  from = alpha.seen.length;
  await beta.crash();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  for (let n = 0; n < 100; n++) {
    const at = path.join(alpha.directory, nameInTree(Math.floor((FILES / 100) * n)));
    if (n % 4 === 0) fs.appendFileSync(at, 'changed');
    else if (n % 4 === 1) fs.rmSync(at);
    else if (n % 4 === 2) fs.renameSync(at, `${at}-moved`);
    else fs.writeFileSync(`${at}-new`, 'new');
  }
  await startAgain(beta, false);
  since = performance.now();
  ({ progress } = await pair.join(alpha, beta, LIMIT_MS));
  expect(progress.kind).toBe('delta');
  note('in step after 100 changes', `${progress.sent} bytes, slowest call ${guest.slowest} ms`);

  from = alpha.seen.length;
  await beta.crash();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  await startAgain(beta, true);
  since = performance.now();
  ({ progress } = await pair.join(alpha, beta, LIMIT_MS));
  expect(progress.kind).toBe('full');
  note('in step from nothing', `${progress.sent} bytes, slowest call ${guest.slowest} ms`);
  expect(await guest.end()).toContain('ended well');
  await equal();
}, 3_600_000);

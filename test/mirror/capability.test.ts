import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import * as libc from '../../agent/platform/libc.ts';
import { differences, Pair, type TestHost } from './pairHarness.ts';

let pair: Pair;
beforeEach(async () => {
  pair = await new Pair().open();
});
afterEach(() => pair.remove());

const CAPABILITY = 'security.capability';
/** cap_net_raw, permitted and effective, as capabilities(7) stores it (VFS_CAP_REVISION_2). */
const NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');
const file = ({ directory }: TestHost, name: string) => path.join(directory, name);

function program(name: string, content: string | Buffer): void {
  fs.writeFileSync(file(pair.alpha, name), content, { mode: 0o755 });
  allow(name);
}

function allow(name: string): void {
  const fd = fs.openSync(file(pair.alpha, name), 'r');
  libc.setxattrat(fd, '', CAPABILITY, NET_RAW);
  fs.closeSync(fd);
}

function capabilityOf(host: TestHost, name: string): string | undefined {
  const fd = fs.openSync(file(host, name), 'r');
  try {
    return libc.getxattrat(fd, '', CAPABILITY)?.toString('hex');
  } finally {
    fs.closeSync(fd);
  }
}

test('programs keep their capabilities in a resync, whatever of their content it writes', async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  program('shorter', Buffer.alloc(100_000, 'old '));
  program('changed', Buffer.alloc(100_000, 'old '));
  program('punched', Buffer.alloc(100_000, 'old '));
  await pair.join(alpha, beta);
  const from = alpha.seen.length;
  await beta.mirror.release();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  program('new', 'another');
  program('shorter', 'less');
  program('changed', Buffer.alloc(100_000, 'new '));
  fs.truncateSync(file(alpha, 'punched'), 0);
  fs.truncateSync(file(alpha, 'punched'), 100_000);
  allow('punched');
  await pair.join(alpha, beta);
  for (const name of ['new', 'shorter', 'changed', 'punched']) {
    expect(capabilityOf(beta, name), name).toBe(NET_RAW.toString('hex'));
  }
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});

test('a write of the guest takes the capability away on both replicas', async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  await pair.join(alpha, beta);
  program('program', 'content');
  expect(capabilityOf(beta, 'program')).toBe(NET_RAW.toString('hex'));
  fs.writeFileSync(file(alpha, 'program'), 'other content');
  expect(capabilityOf(alpha, 'program')).toBeUndefined();
  expect(capabilityOf(beta, 'program')).toBeUndefined();
});

/** The secondary leaves, and the program gets another owner, which takes its capability away, and has it again. */
async function giveToAnother(name: string): Promise<void> {
  const { alpha, beta } = pair;
  const from = alpha.seen.length;
  await beta.mirror.release();
  await alpha.event('peerLost', from);
  await pair.goAlone(alpha);
  fs.chownSync(file(alpha, name), 1000, 1000);
  allow(name);
}

test('a program keeps its capabilities when a resync gives it to another owner', async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  program('owned', 'content');
  await pair.join(alpha, beta);
  await giveToAnother('owned');
  await pair.join(alpha, beta);
  expect(capabilityOf(beta, 'owned')).toBe(NET_RAW.toString('hex'));
  await alpha.mirror.release();
  expect(differences(alpha.directory, beta.directory)).toEqual([]);
});

test('a program has its capabilities again when a resync is taken back that gave it to another owner', async () => {
  const { alpha, beta } = pair;
  await pair.serve(alpha);
  program('owned', 'content');
  await pair.join(alpha, beta);
  await giveToAnother('owned');
  fs.writeFileSync(file(alpha, 'long'), randomBytes(1 << 20));
  await alpha.mirror.paceResync({ paused: false, bandwidth: 64 << 10 });
  const from = await pair.attach(alpha, beta);
  await alpha.event('resync', from, 10_000, ({ progress }) => progress.content > 0);
  const lost = beta.seen.length;
  await alpha.crash();
  await beta.event('followerLink', lost, 10_000, ({ connected }) => !connected);
  expect(fs.statSync(file(beta, 'owned')).uid).toBe(1000);
  await pair.serve(beta);
  expect(fs.statSync(file(beta, 'owned')).uid).toBe(0);
  expect(capabilityOf(beta, 'owned')).toBe(NET_RAW.toString('hex'));
});

import type { Problem } from '../diagnostic.ts';
import type { ArbiterSection, ClusterFile } from '../generated/cluster.ts';
import { isLoopback, parseIpAddress } from '../ipAddress.ts';
import { nearest } from '../nearest.ts';

/** Keys that say something of etcd. */
const etcdKeys = ['prefix', 'user', 'passwordFile', 'caFile', 'certificateFile', 'keyFile'] as const;

/** Scheme, IPv6 address in brackets or another name, port. */
const memberAddress = /^https?:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^/?#@:[\]\s]+))(?::[0-9]{1,5})?\/?$/;

/** Problems of the arbiter that the schema cannot express. */
export function* checkArbiter({ arbiter, hosts }: ClusterFile): Iterable<Problem> {
  if (arbiter === 'none') {
    yield {
      code: 'no-arbiter',
      severity: 'warning',
      path: ['arbiter'],
      message:
        'no arbiter: when the hosts lose sight of each other nothing tells which may run a module, so failover is manual; a witness on a third host lifts this',
      expected: '{ "witness": HOST }',
    };
    return;
  }
  if ((arbiter.witness === undefined) === (arbiter.etcd === undefined)) {
    const expected = 'either "witness" or "etcd"';
    const found = arbiter.witness === undefined ? 'the arbiter is not named' : 'two arbiters are named';
    yield { code: 'arbiter-kind', path: ['arbiter'], message: `${found}: expected ${expected}`, expected };
    return;
  }
  yield* arbiter.witness === undefined
    ? checkEtcd(arbiter)
    : checkWitness(arbiter, arbiter.witness, Object.keys(hosts));
}

function* checkWitness(
  arbiter: ArbiterSection,
  witness: string | readonly string[],
  hosts: readonly string[],
): Iterable<Problem> {
  for (const [index, name] of [witness].flat().entries()) {
    if (hosts.includes(name)) continue;
    const expected = `one of ${hosts.join(', ')}`;
    yield {
      code: 'unknown-host',
      path: ['arbiter', 'witness', ...(typeof witness === 'string' ? [] : [index])],
      message: `the host "${name}" is not in this file: expected ${expected}`,
      expected,
      suggestion: nearest(name, hosts),
    };
  }
  for (const key of etcdKeys) {
    if (arbiter[key] === undefined) continue;
    const expected = '"etcd" with the addresses of its members, or this key taken out';
    yield {
      code: 'arbiter-kind',
      path: ['arbiter', key],
      at: 'key',
      message: `"${key}" says something of etcd, and the arbiter is a witness: expected ${expected}`,
      expected,
    };
  }
}

function* checkEtcd(arbiter: ArbiterSection): Iterable<Problem> {
  for (const [index, text] of (arbiter.etcd ?? []).entries()) yield* checkMember(arbiter, index, text);
  for (const [key, other] of [
    ['user', 'passwordFile'],
    ['passwordFile', 'user'],
    ['certificateFile', 'keyFile'],
    ['keyFile', 'certificateFile'],
  ] as const) {
    if (arbiter[key] === undefined || arbiter[other] !== undefined) continue;
    const message = `"${key}" is of no use without "${other}": expected both or none of them`;
    yield { code: 'arbiter-kind', path: ['arbiter', key], at: 'key', message, expected: 'both or none of them' };
  }
}

/** The address or name of the host in the address of a member, without its scheme, brackets and port; null: it is no such address. */
export function hostOfMember(text: string): string | null {
  const [, bracketed, plain] = memberAddress.exec(text) ?? [];
  return bracketed ?? plain ?? null;
}

function* checkMember(arbiter: ArbiterSection, index: number, text: string): Iterable<Problem> {
  const path = ['arbiter', 'etcd', index];
  const name = hostOfMember(text);
  if (name === null) {
    const expected = 'a member and its port, such as "https://10.0.0.11:2379"';
    yield { code: 'bad-address', path, message: `"${text}" is no address of a member: expected ${expected}`, expected };
    return;
  }
  if (text.startsWith('https:')) return;
  const address = parseIpAddress(name);
  if (name === 'localhost' || (address !== null && isLoopback(address))) return;
  const expected = 'an address with https';
  yield arbiter.user === undefined
    ? {
        code: 'insecure-arbiter',
        severity: 'warning',
        path,
        message: `the records of ${text} can be read and changed by everybody on the way, and whoever changes them decides who runs: expected ${expected}`,
        expected,
      }
    : {
        code: 'insecure-arbiter',
        path,
        message: `the password of "${arbiter.user}" would go to ${text} in the clear: expected ${expected}`,
        expected,
      };
}

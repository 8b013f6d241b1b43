import { MirrorError } from '../mirrorError.ts';
import { PROTOCOL_VERSION } from './protocol.ts';

/** Both greetings have this length whatever their version, so that an unknown version can still be answered. */
export const GREETING_BYTES = 64;
const MAGIC = Buffer.from('UNDRSTDY', 'latin1');
const NONCE_BYTES = 32;
const SESSION_BYTES = 16;

/** What the follower thinks of a greeting. */
export const Verdict = { welcome: 0, otherVersion: 1, unknownSession: 2, malformed: 3, notAuthentic: 4 } as const;

/** Primary's greeting: magic, version, session (16 bytes), nonce (32 bytes). */
export function encodeHello(session: string, nonce: Buffer, version = PROTOCOL_VERSION): Buffer {
  const greeting = Buffer.alloc(GREETING_BYTES);
  MAGIC.copy(greeting);
  greeting.writeUInt32LE(version, 8);
  Buffer.from(session, 'hex').copy(greeting, 12, 0, SESSION_BYTES);
  nonce.copy(greeting, 28, 0, NONCE_BYTES);
  return greeting;
}

/** The follower's answer: magic, its version, verdict, nonce. */
export function encodeAnswer(verdict: number, nonce: Buffer): Buffer {
  const greeting = Buffer.alloc(GREETING_BYTES);
  MAGIC.copy(greeting);
  greeting.writeUInt32LE(PROTOCOL_VERSION, 8);
  greeting.writeUInt32LE(verdict, 12);
  nonce.copy(greeting, 16, 0, NONCE_BYTES);
  return greeting;
}

/** Judges a primary's greeting against the session that is expected. */
export function judgeHello(greeting: Buffer, session: string): { verdict: number; nonce: Buffer; reason: string } {
  const nonce = greeting.subarray(28, 28 + NONCE_BYTES);
  if (!greeting.subarray(0, 8).equals(MAGIC)) {
    return { verdict: Verdict.malformed, nonce, reason: 'something that is not a mirror connected' };
  }
  const version = greeting.readUInt32LE(8);
  if (version !== PROTOCOL_VERSION) {
    return { verdict: Verdict.otherVersion, nonce, reason: versionConflict(version) };
  }
  if (greeting.subarray(12, 12 + SESSION_BYTES).toString('hex') !== session) {
    return { verdict: Verdict.unknownSession, nonce, reason: 'a primary connected with the token of another session' };
  }
  return { verdict: Verdict.welcome, nonce, reason: '' };
}

/**
 * Reads the follower's answer.
 * @returns the follower's nonce
 * @throws MirrorError saying why the follower does not talk to us
 */
export function readAnswer(greeting: Buffer): Buffer {
  if (!greeting.subarray(0, 8).equals(MAGIC)) {
    throw new MirrorError(
      'not-a-mirror',
      'what listens on the follower’s port is not a mirror: check address and port',
    );
  }
  const version = greeting.readUInt32LE(8);
  if (version !== PROTOCOL_VERSION) throw new MirrorError('other-version', versionConflict(version));
  switch (greeting.readUInt32LE(12)) {
    case Verdict.welcome:
      return greeting.subarray(16, 16 + NONCE_BYTES);
    case Verdict.unknownSession:
      throw new MirrorError('unknown-session', 'the follower does not know this session: ask it for a new endpoint');
    case Verdict.notAuthentic:
      throw new MirrorError('not-authentic', 'the follower holds another session key: ask it for a new endpoint');
    default:
      throw new MirrorError('not-a-mirror', 'the follower did not understand the greeting');
  }
}

/** One sentence naming both versions and the cure. */
export function versionConflict(theirs: number): string {
  return `the peer speaks mirror protocol version ${theirs}, this host version ${PROTOCOL_VERSION}: install the same version of the agent on both hosts`;
}

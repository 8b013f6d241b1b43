import type { FailoverReport, ResyncReport } from '../../schemas/generated/api.ts';
import type { ResolvedModule } from '../../schemas/defaults.ts';
import type { HandedAddresses } from '../addresses/placement.ts';
import type { HandedCore } from '../core/handOver.ts';
import { descriptorsOfMirror, type HandedMirror, type MirrorController } from '../mirror/controller.ts';
import { RESUME_VERSION } from '../mirror/ipc.ts';
import { MirrorError } from '../mirror/mirrorError.ts';
import { close, fstat, memoryFile, preadFully, pwriteFully, setCloseOnExec } from '../platform/libc.ts';
import { agentVersion } from '../version.ts';
import type { HandedServer } from '../server/virtualServer.ts';

/**
 * Version of {@link HandedAgent}: raised with every change that an agent of the version before could not read, or would read wrongly. A program
 * says which it takes (`takes`), and is asked before anything is stopped.
 */
export const HAND_OVER_VERSION = 1;
/** How often, and at what interval, a mirror is renewed whose disk is slow at the moment. */
const renewTries = 20;
const renewRetryMs = 250;
const VARIABLE = 'UNDERSTUDY_HAND_OVER';

/** A module that is served on this host, from one program of the agent to the next. */
export interface HandedModule {
  readonly name: string;
  readonly settings: string;
  readonly core: HandedCore;
  readonly mirror: HandedMirror;
  /** Null: the server does not run. */
  readonly server: HandedServer | null;
  /** Not there: set by a program that knew of none. */
  readonly addresses?: HandedAddresses | null;
  readonly shown: {
    readonly since: string;
    readonly serverStartedAt: string | null;
    readonly lastFailover: FailoverReport | null;
    readonly lastResync: ResyncReport | null;
  };
}

export interface HandedAgent {
  readonly version: number;
  /** Names this upgrade. */
  readonly upgrade: string;
  readonly fromVersion: string;
  /** When the old program ended, milliseconds since 1970. */
  readonly at: number;
  readonly modules: readonly HandedModule[];
}

/** What a program says that was asked whether it could take an agent over. */
export interface TakeOverOffer {
  readonly takes: readonly number[];
  /** Which version of what a mirror process leaves behind its mirror processes take over. */
  readonly resumes: number;
  readonly agentVersion: string;
  readonly host: string;
  readonly cluster: string;
  readonly modules: readonly { readonly name: string; readonly settings: string }[];
}

/**
 * What of a module must not change while its server runs, as one program of the agent tells it to the next. Direct I/O may change by now; it stands here
 * since earlier programs compare it.
 */
export function settingsOf(module: ResolvedModule): string {
  const { hosts, mirror, server } = module;
  const { directory, directories, exclude, directIo } = mirror;
  const further = directories.length > 1 ? { further: directories.slice(1) } : {};
  const guestAgent = hasGuestAgent(module) ? { guestAgent: true } : {};
  return JSON.stringify({ hosts, directory, ...further, exclude, directIo, server: server.kind, ...guestAgent });
}

/** Whether the virtual machine is started with a channel to an agent in it: one that runs gets none any more. */
export function hasGuestAgent({ checks }: ResolvedModule): boolean {
  return checks.some(({ target }) => target.kind === 'guestAgent');
}

/** Why a program cannot take over from this one; null when it can. @param serves whether modules are served here */
export function conflictWith({ takes, resumes, agentVersion: other }: TakeOverOffer, serves: boolean): string | null {
  if (!takes.includes(HAND_OVER_VERSION)) {
    return `agent ${other} on disk takes over in version ${takes.join(', ')}, agent ${agentVersion} hands over in version ${HAND_OVER_VERSION}`;
  }
  if (serves && resumes !== RESUME_VERSION) {
    return `agent ${other} on disk takes mirrors over in version ${resumes}, agent ${agentVersion} leaves them in version ${RESUME_VERSION}`;
  }
  return null;
}

/** Writes down what is handed over. Returns the descriptor of it, and the environment that tells the next program. */
export function writeHandOver(handed: HandedAgent): {
  readonly fd: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
} {
  const fd = memoryFile('understudy:hand-over');
  pwriteFully(fd, Buffer.from(JSON.stringify(handed)), 0);
  return { fd, environment: { ...process.env, [VARIABLE]: String(fd) } };
}

/** What an earlier program of this process has left to this one; null for a start as usual. Throws when it cannot be understood. */
export function readHandOver(): HandedAgent | null {
  const text = process.env[VARIABLE];
  // Not for the programs that this one starts.
  delete process.env[VARIABLE];
  if (text === undefined) return null;
  const fd = Number(text);
  const content = Buffer.alloc(fstat(fd).size);
  preadFully(fd, content, 0);
  close(fd);
  const handed = JSON.parse(content.toString('utf8')) as HandedAgent;
  if (handed.version !== HAND_OVER_VERSION) {
    throw new Error(
      `agent ${handed.fromVersion} hands over in version ${String(handed.version)}, this one takes version ${HAND_OVER_VERSION}: its servers are ended`,
    );
  }
  for (const module of handed.modules) for (const each of descriptorsOf(module)) setCloseOnExec(each);
  return handed;
}

/** Why a module that is served here cannot be handed over now, and what to do; null when nothing but the core may object. */
export function whyNotDetached(
  { module, self }: { readonly module: string; readonly self: string },
  now: { readonly verifies: boolean; readonly standsStill: string | null; readonly isResumable: boolean },
): string | null {
  if (now.verifies) return `a verify of ${module} is running: wait for its end, or stop it`;
  if (now.standsStill !== null) return `the server of ${module} stands still (${now.standsStill}): mend that first`;
  if (now.isResumable) return null;
  return (
    `nobody can take over the mirror of ${module} on ${self}, such as on a kernel before 6.9: move it away with ` +
    `\`understudy switchover ${module}\`, or restart the agent in order (\`systemctl restart understudy-agent\`), ` +
    `which hands ${module} over to the other host or stops it`
  );
}

/**
 * Replaces a mirror process of the program before by one of this program. It is done at all events: the old one would load parts of itself that
 * belong to this program. Rejects when it cannot be done.
 * @returns how long the server's writes had to wait, milliseconds
 */
export async function renew(mirror: MirrorController): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await mirror.renew();
    } catch (error) {
      if (!(error instanceof MirrorError) || error.code !== 'busy' || tries === renewTries) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, renewRetryMs));
  }
}

/**
 * Leaves a module that cannot be gone on with: its mirror process freezes, kills the server, and unmounts, and its virtual addresses are removed.
 */
export function letGoOf(module: HandedModule): void {
  for (const fd of descriptorsOf(module)) close(fd);
}

/** Everything that the next program inherits. */
export function descriptorsOf({ mirror, addresses }: HandedModule): readonly number[] {
  return [...descriptorsOfMirror(mirror), ...(addresses ? [addresses.guard.fd] : [])];
}

import type { ResolvedCondition } from '../../schemas/resolvedChecks.ts';
import { commandProbe } from './command.ts';
import { guestAgentProbe } from './guestAgent.ts';
import { httpProbe } from './http.ts';
import { pingProbe } from './ping.ts';
import type { Probe } from './probe.ts';
import { pidFileProbe, processNameProbe } from './process.ts';
import { tcpProbe } from './tcp.ts';

export interface ProbeContext {
  readonly module: string;
  readonly host: string;
  /** The first mirrored directory: relative programs start there. */
  readonly directory: string;
  /** The socket of QEMU's channel to the guest agent. */
  readonly guestAgent: string;
}

export function probeOf({ name, target, timeoutMs }: ResolvedCondition, context: ProbeContext): Probe {
  switch (target.kind) {
    case 'tcp':
      return tcpProbe({ host: target.host ?? '127.0.0.1', port: target.port });
    case 'http':
      return httpProbe(target);
    case 'ping':
      return pingProbe({ host: target.host, timeoutMs });
    case 'command': {
      const { module, host, directory } = context;
      const environment = { UNDERSTUDY_MODULE: module, UNDERSTUDY_HOST: host, UNDERSTUDY_CHECK: name };
      return commandProbe(target.argv, { directory, environment });
    }
    case 'guestAgent':
      return guestAgentProbe(context.guestAgent);
    case 'process':
      return target.pidFile === null ? processNameProbe(target.name ?? '') : pidFileProbe(target.pidFile);
  }
}

import type { EventLevel, ResolvedAgent } from '../../schemas/defaults.ts';
import type { LogEntry } from '../../schemas/generated/api.ts';
import type { EventSink, OnTrouble } from '../notify/eventSink.ts';
import { openSyslog } from '../notify/syslogSender.ts';
import { openWebhook } from '../notify/webhook.ts';
import { readSecret } from '../security/secretFile.ts';
import type { EventLog } from './eventLog.ts';
import { within } from './within.ts';

/** How long an agent that ends, or is replaced, waits for its last events to leave. */
const lastEventsMs = 2000;

export interface EventExport {
  /** Resolves when all events have left this host, cannot for now, or that takes too long. */
  delivered(): Promise<void>;
  /** What is under way still leaves. */
  stop(): Promise<void>;
}

const levels: readonly LogEntry['level'][] = ['debug', 'info', 'warn', 'error'];

/** Sends the events of the log to where the agent's file says. */
export function exportEvents(
  cluster: string,
  { level, syslog, webhooks }: ResolvedAgent['events'],
  log: EventLog,
): EventExport {
  const sinks: { readonly sink: EventSink; readonly name: string; readonly level: EventLevel }[] = [];
  const troubleOf =
    (name: string): OnTrouble =>
    (reason, lost) => {
      const gone = lost === 0 ? '' : `; ${String(lost)} were given up`;
      if (reason === null) {
        log.add('info', null, 'EVENTS_SENT_AGAIN', `events reach ${name} again${gone}`, { receiver: name });
      } else {
        log.add('warn', null, 'EVENTS_NOT_SENT', `events do not reach ${name}: ${reason}${gone}`, { receiver: name });
      }
    };
  for (const receiver of syslog) {
    const name = `the syslog server ${receiver.host}`;
    sinks.push({ sink: openSyslog(receiver, troubleOf(name)), name, level });
  }
  for (const webhook of webhooks) {
    try {
      const token = webhook.tokenFile === null ? null : readSecret(webhook.tokenFile, 'put it there').trim();
      const sink = openWebhook(cluster, { url: webhook.url, token }, troubleOf(webhook.url));
      sinks.push({ sink, name: webhook.url, level: webhook.level });
    } catch (error) {
      // Nobody is left without failover for want of an alert.
      const { message } = error as Error;
      log.add(
        'error',
        null,
        'EVENTS_NOT_SENT',
        `events do not reach ${webhook.url} until the agent starts anew: ${message}`,
      );
    }
  }
  const stopListening = log.onEntries((entries) => {
    for (const entry of entries) {
      for (const each of sinks) {
        const least = Math.max(levels.indexOf(level), levels.indexOf(each.level));
        // A receiver that is told of its own trouble would have more of it.
        const isItsOwn = entry.fields?.['receiver'] === each.name;
        if (levels.indexOf(entry.level) >= least && !isItsOwn) each.sink.add(entry);
      }
    }
  });
  const delivered = async (): Promise<void> => {
    await within(lastEventsMs, Promise.all(sinks.map(({ sink }) => sink.delivered())));
  };
  return {
    delivered,
    stop: async () => {
      stopListening();
      await delivered();
      for (const { sink } of sinks) sink.close();
    },
  };
}

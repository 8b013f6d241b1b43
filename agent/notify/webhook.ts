import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LogEntry } from '../../schemas/generated/api.ts';
import { DeliveryQueue, RefusedError } from './deliveryQueue.ts';
import type { EventSink, OnTrouble } from './eventSink.ts';

const answerLimitMs = 10_000;
/** Answers of HTTP that say "later": request time-out, too many requests. */
const laterStatuses = new Set([408, 425, 429]);

export interface WebhookReceiver {
  readonly url: string;
  /** Sent as a bearer token; null: none. */
  readonly token: string | null;
}

/** Posts each event as JSON `{cluster, ...event}`; 2xx means that it was taken. */
export function openWebhook(cluster: string, receiver: WebhookReceiver, onTrouble: OnTrouble): EventSink {
  const queue = new DeliveryQueue<LogEntry>({
    deliver: (entry) => post(receiver, JSON.stringify({ cluster, ...entry })),
    onTrouble,
  });
  return { add: (entry) => queue.add(entry), delivered: () => queue.delivered(), close: () => queue.close() };
}

function post({ url, token }: WebhookReceiver, content: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const ask = url.startsWith('https:') ? httpsRequest : httpRequest;
    const request = ask(
      url,
      {
        method: 'POST',
        signal: AbortSignal.timeout(answerLimitMs),
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(content),
          'user-agent': 'understudy',
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        },
      },
      (response) => {
        response.resume();
        response.on('error', reject);
        response.on('end', () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve();
          else if (status >= 400 && status < 500 && !laterStatuses.has(status)) {
            reject(new RefusedError(`it answered with HTTP ${String(status)}`));
          } else reject(new Error(`it answered with HTTP ${String(status)}`));
        });
      },
    );
    request.on('error', reject);
    request.end(content);
  });
}

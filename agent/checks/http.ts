import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { CheckTarget } from '../../schemas/resolvedChecks.ts';
import type { Probe } from './probe.ts';
import { socketErrorText } from './socketErrors.ts';

type HttpTarget = Extract<CheckTarget, { kind: 'http' }>;

/** How much of an answer is searched for the text, bytes. */
const searchedBytes = 1 << 20;

/** Whether a GET request is answered as expected. Each look is a connection of its own: one that is kept open proves less. */
export function httpProbe(target: HttpTarget): Probe {
  return async (signal) => {
    // Read each time: certificates are renewed.
    const ca = target.ca === null ? null : await readFile(target.ca, { signal });
    return new Promise((resolve) => {
      const options = { signal, agent: false as const, headers: { 'user-agent': 'understudy' } };
      const answered = (response: IncomingMessage): void => {
        judge(target, response).then(resolve, (error: Error) => resolve(socketErrorText(error)));
      };
      const sent = target.url.startsWith('https:')
        ? httpsRequest(target.url, { ...options, rejectUnauthorized: target.verify, ...(ca ? { ca } : {}) }, answered)
        : httpRequest(target.url, options, answered);
      sent.once('error', (error) => resolve(socketErrorText(error)));
      sent.end();
    });
  };
}

async function judge({ status, contains }: HttpTarget, response: IncomingMessage): Promise<string | null> {
  const [first, last] = status;
  const { statusCode = 0 } = response;
  try {
    if (statusCode < first || statusCode > last) return `status ${statusCode}`;
    return contains === null || (await includes(response, contains)) ? null : `the answer has no "${contains}"`;
  } finally {
    response.destroy();
  }
}

async function includes(response: IncomingMessage, text: string): Promise<boolean> {
  const searched = Buffer.from(text);
  let held = Buffer.alloc(0);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    held = Buffer.concat([held, chunk]);
    if (held.includes(searched)) return true;
    if (held.length >= searchedBytes) return false;
  }
  return false;
}

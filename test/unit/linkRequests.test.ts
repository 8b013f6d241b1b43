import { describe, expect, it } from 'vitest';
import { LinkRequests } from '../../agent/host/linkRequests.ts';
import type { PeerConnection } from '../../agent/host/peerConnection.ts';
import type { LinkMessage, LinkRequest } from '../../schemas/generated/link.ts';

function connectionTo(host: string): { connection: PeerConnection; asked: LinkRequest[] } {
  const asked: LinkRequest[] = [];
  const send = (message: LinkMessage): boolean => message.type === 'request' && asked.push(message) > 0;
  return { connection: { host, send } as unknown as PeerConnection, asked };
}

describe('questions to other hosts', () => {
  it('are answered by the host that was asked, and by no other one', async () => {
    const requests = new LinkRequests();
    const { connection, asked } = connectionTo('beta');
    const fetched = requests.ask(connection, 'configuration.fetch', {}, 1000);
    const id = asked[0]?.id ?? -1;
    requests.answered('gamma', id, { version: 'with a program of its own' }, null);
    requests.answered('gamma', id, null, 'no');
    requests.answered('beta', id, { version: 'as it is' }, null);
    await expect(fetched).resolves.toEqual({ version: 'as it is' });
  });

  it('have numbers that another life of this agent does not use', () => {
    const numbers = [new LinkRequests(), new LinkRequests()].map((requests) => {
      const { connection, asked } = connectionTo('beta');
      void requests.ask(connection, 'module.command', {}, 1).catch(() => undefined);
      return asked[0]?.id;
    });
    expect(numbers[0]).not.toBe(numbers[1]);
    expect(numbers.every((id) => Number.isSafeInteger(id))).toBe(true);
  });
});

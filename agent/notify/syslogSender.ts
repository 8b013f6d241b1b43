import { createSocket } from 'node:dgram';
import { connect as connectTcp, isIP, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { LogEntry } from '../../schemas/generated/api.ts';
import { DeliveryQueue } from './deliveryQueue.ts';
import type { EventSink, OnTrouble } from './eventSink.ts';
import { syslogMessage } from './syslogMessage.ts';

/** For a connection, and then for each message: to be taken over by this host's network, which waits for the server when much is on its way. */
const limitMs = 10_000;

export interface SyslogReceiver {
  readonly protocol: 'udp' | 'tcp' | 'tls';
  readonly host: string;
  readonly port: number;
}

/** Sends events to a syslog server: over UDP as RFC 5426 says, over TCP and TLS with counted octets (RFC 6587 section 3.4.1, RFC 5425). */
export function openSyslog(receiver: SyslogReceiver, onTrouble: OnTrouble): EventSink {
  const send = receiver.protocol === 'udp' ? overUdp(receiver) : overStream(receiver);
  const queue = new DeliveryQueue<LogEntry>({
    deliver: (entry) => send.send(syslogMessage(entry, process.pid)),
    onTrouble,
  });
  return {
    add: (entry) => queue.add(entry),
    delivered: () => queue.delivered(),
    close: () => {
      queue.close();
      send.close();
    },
  };
}

interface Sender {
  send(message: string): Promise<void>;
  close(): void;
}

function overUdp({ host, port }: SyslogReceiver): Sender {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  socket.unref();
  // What a send did not take is told to its callback.
  socket.on('error', () => undefined);
  return {
    send: (message) =>
      new Promise((resolve, reject) =>
        socket.send(message, port, host, (error) => {
          if (error) reject(error);
          else resolve();
        }),
      ),
    close: () => socket.close(),
  };
}

function overStream({ protocol, host, port }: SyslogReceiver): Sender {
  let open: Socket | null = null;
  const connect = (): Promise<Socket> =>
    new Promise((resolve, reject) => {
      // The name of a server is never an address (RFC 6066, section 3); the certificate has to be for either.
      const name = isIP(host) === 0 ? { servername: host } : {};
      const socket = protocol === 'tls' ? connectTls({ host, port, ...name }) : connectTcp({ host, port });
      const limit = setTimeout(() => socket.destroy(new Error('it does not answer')), limitMs);
      socket.unref();
      socket.once(protocol === 'tls' ? 'secureConnect' : 'connect', () => {
        clearTimeout(limit);
        open = socket;
        resolve(socket);
      });
      socket.on('error', (error: Error) => {
        clearTimeout(limit);
        reject(error);
      });
      socket.on('close', () => {
        if (open === socket) open = null;
      });
      socket.resume();
    });
  return {
    send: async (message) => {
      const socket = open ?? (await connect());
      const content = Buffer.from(message, 'utf8');
      await new Promise<void>((resolve, reject) => {
        // A connection that is destroyed tells its writes nothing that can be relied upon.
        const limit = setTimeout(() => {
          reject(new Error('it takes nothing any more'));
          socket.destroy();
        }, limitMs);
        limit.unref();
        socket.write(Buffer.concat([Buffer.from(`${String(content.length)} `), content]), (error) => {
          clearTimeout(limit);
          if (error) reject(error);
          else resolve();
        });
      });
    },
    close: () => open?.destroy(),
  };
}

import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that the kernel gives to connections, so that none of those takes one that was found free. */
const FIRST = 25_000;
const COUNT = 7_000;

/** Processes that run side by side begin at places of their own. */
let next = (process.pid * 16) % COUNT;

/** A port that nobody listens at yet. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + (next++ % COUNT);
    const server = createServer().listen(port, address);
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`all ports of ${address} from ${FIRST} to ${FIRST + COUNT - 1} are in use`);
}

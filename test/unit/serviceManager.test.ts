import { afterEach, describe, expect, it } from 'vitest';
import { ServiceManager } from '../../agent/platform/serviceManager.ts';
import { listenAsServiceManager, type ServiceListener } from '../support/serviceListener.ts';

let receiver: ServiceListener | null = null;
afterEach(() => {
  receiver?.end();
  receiver = null;
});

describe('the service manager', () => {
  it('hears what the agent tells, at the socket it named, and how often it wants to', async () => {
    const name = `@understudy-test-${String(process.pid)}`;
    receiver = await listenAsServiceManager(name);
    const { told } = receiver;
    const manager = new ServiceManager({
      NOTIFY_SOCKET: name,
      WATCHDOG_USEC: '15000000',
      WATCHDOG_PID: String(process.pid),
    });
    expect(manager.aliveEveryMs).toBe(5000);
    manager.ready();
    manager.alive();
    manager.stopping();
    await expect.poll(() => told).toEqual(['READY=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it('is not needed', () => {
    expect(new ServiceManager({}).aliveEveryMs).toBeNull();
    new ServiceManager({}).ready();
    const gone = new ServiceManager({ NOTIFY_SOCKET: '/nowhere/notify', WATCHDOG_USEC: '15000000', WATCHDOG_PID: '1' });
    expect(gone.aliveEveryMs).toBeNull();
    gone.ready();
  });
});

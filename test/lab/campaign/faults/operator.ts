import { setTimeout as delay } from 'node:timers/promises';
import { describeTarget, drawModule, drawOfAll, drawShort, type FaultKind, onHost } from './fault.ts';

/** What people do at any moment. The agents may refuse it. */
export const operatorFaults: readonly FaultKind[] = [
  {
    name: 'switchover',
    draw: (chance) => {
      const module = drawModule(chance);
      return {
        title: `switchover of ${module}`,
        holdMs: drawShort(chance),
        begin: (site) => {
          const asked = site.ask(site.hostOf({ role: 'primary', module }), 'module.switchover', { module });
          return Promise.resolve(async () => site.note(`switchover: ${await asked}`));
        },
      };
    },
  },
  {
    name: 'stop and start',
    draw: (chance) => {
      const module = drawModule(chance);
      return {
        title: `stop and start of ${module}`,
        holdMs: Math.round(chance.between(0, 4000)),
        begin: (site) => {
          const host = site.hostOf({ role: 'primary', module });
          const asked = site.ask(host, 'module.stop', { module });
          return Promise.resolve(async () => {
            // Maybe before it has stopped.
            const stopped = await Promise.race([asked, delay(2000, 'under way')]);
            const started = await site.ask(host, 'module.start', { module });
            site.note(`stop: ${stopped}, start: ${started}`);
          });
        },
      };
    },
  },
  {
    name: 'upgrade of an agent',
    draw: (chance) => {
      const target = drawOfAll(chance);
      return {
        title: `upgrade of the agent of ${describeTarget(target)}`,
        holdMs: drawShort(chance),
        begin: (site) =>
          onHost(site, site.hostOf(target), (host) => {
            const asked = host.understudy(['upgrade', '--timeout', '60'], { timeoutMs: 90_000 });
            // The host may lose its power meanwhile.
            const answer = asked.then(
              ({ code, stderr }) => (code === 0 ? 'done' : stderr),
              (error: unknown) => (error as Error).message,
            );
            return Promise.resolve(async () => site.note(`upgrade: ${await answer}`));
          }),
      };
    },
  },
];

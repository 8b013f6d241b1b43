import { expect, it } from 'vitest';
import { beatsMoreOften, heartbeatMs, livenessNotice, shortestDetectionMs } from '../../agent/runtime/liveness.ts';

const modules = (...detections: number[]) =>
  detections.map((detectionMs) => ({ failover: { detectionMs } })) as unknown as Parameters<
    typeof shortestDetectionMs
  >[0];

it('heartbeats go out ten times in the shortest detection time, or as the cluster file says if that is more often', () => {
  expect(shortestDetectionMs(modules(10_000, 6000))).toBe(6000);
  expect(shortestDetectionMs([])).toBe(3000);
  expect(heartbeatMs({ heartbeatMs: 250 }, modules(3000))).toBe(250);
  expect(heartbeatMs({ heartbeatMs: 250 }, modules(3000, 800))).toBe(80);
  expect(heartbeatMs({ heartbeatMs: 1000 }, modules(3000))).toBe(300);
  expect(heartbeatMs({ heartbeatMs: 250 }, modules(400))).toBe(40);
});

it('they become more frequent by a new module as by a changed one', () => {
  const cluster = { heartbeatMs: 250 };
  const by = (...detections: number[]) => ({ cluster, modules: modules(...detections) });
  expect(beatsMoreOften(by(3000), by(800))).toBe(true);
  expect(beatsMoreOften(by(3000), by(3000, 800))).toBe(true);
  expect(beatsMoreOften(by(), by(800))).toBe(true);
  expect(beatsMoreOften(by(3000), { ...by(3000), cluster: { heartbeatMs: 100 } })).toBe(true);
  expect(beatsMoreOften(by(3000, 800), by(2500, 800))).toBe(false);
  expect(beatsMoreOften(by(800), by(3000))).toBe(false);
});

it('tells of a host that is late, on which networks, and when it is steady again', () => {
  const news = { longestMs: 1234, networks: ['lan', 'link'] };
  expect(livenessNotice('alpha', { ...news, before: 'alive', liveness: 'suspect' })?.message).toBe(
    'alpha is suspect: silent on lan and link for 1.2 s',
  );
  expect(livenessNotice('alpha', { ...news, before: 'suspect', liveness: 'alive' })?.code).toBe('HOST_STEADY');
  expect(livenessNotice('alpha', { ...news, longestMs: 0, before: 'silent', liveness: 'alive' })).toBeNull();
});

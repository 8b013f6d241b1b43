import { fault, type Fault, type FaultStep, type Stage } from './fault.ts';

/** What operators do, and the first start. */
export function operatorsActs(stage: Stage): readonly Fault[] {
  const { name, primary, secondary } = stage;
  return [
    fault('switchover', primary, `an operator moves ${name} to ${secondary}`, [
      byOperator(primary, `an operator moves it (\`understudy switchover ${name}\`)`, (world) =>
        world.command(primary, 'switchover'),
      ),
    ]),
    fault('stop', primary, `an operator stops ${name}, and starts it again`, [
      byOperator(primary, `an operator stops it (\`understudy stop ${name}\`)`, (world) =>
        world.command(primary, 'stop'),
      ),
      byOperator(primary, `it is started again (\`understudy start ${name}\`)`, (world) =>
        world.command(primary, 'start'),
      ),
    ]),
    fault('agent-stopped', primary, `the agent of ${primary} (primary) is stopped in order`, [
      byOperator(primary, `the agent of ${primary} is stopped in order, as for an upgrade of the host`, (world) =>
        world.command(primary, 'shutdown'),
      ),
      {
        says: `the agent of ${primary} is started again`,
        as: 'end',
        host: primary,
        act: (world) => world.boot(primary),
      },
    ]),
    fault('drain', primary, `an operator drains ${primary} (primary)`, [
      byOperator(primary, `an operator drains ${primary} (\`understudy drain ${primary}\`)`, (world) =>
        world.setDrained(primary, true),
      ),
      byOperator(primary, `${primary} is taken back (\`understudy undrain ${primary}\`)`, (world) =>
        world.setDrained(primary, false),
      ),
    ]),
    fault(
      'cold-start',
      null,
      'both hosts start for the first time',
      [
        {
          says: `both hosts start for the first time, with the files of ${name} on ${primary}`,
          as: 'fault',
          act: (world) => [primary, secondary].forEach((host) => world.boot(host)),
        },
      ],
      { from: 'off' },
    ),
  ];
}

function byOperator(host: string, says: string, act: FaultStep['act']): FaultStep {
  return { says, as: 'operator', host, act };
}

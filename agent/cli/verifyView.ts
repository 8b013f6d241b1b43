import type { LastVerify, VerifySchedule, VerifyStatus } from '../../schemas/generated/api.ts';
import { formatBytes, formatSeconds } from './format.ts';
import { printable } from './table.ts';

/** A verify as it goes, in one line. */
export function describeVerify(verify: VerifyStatus): string {
  const left = verify.secondsLeft === null ? 'time left not known yet' : `${formatSeconds(verify.secondsLeft)} left`;
  return `verify: ${verify.names} names, ${formatBytes(verify.checked)} of ${formatBytes(verify.toCheck)} compared, ${formatBytes(verify.rate)}/s, ${left}, ${differences(verify.differences)}`;
}

/** When the next one is due by itself. */
export function describeSchedule({ next, dueSince }: VerifySchedule): string {
  return dueSince === null ? next : `due since ${dueSince}, begun as soon as the pair is whole; then ${next}`;
}

/** What the last one found, in one line. */
export function summariseVerify(verify: LastVerify): string {
  const end = verify.outcome === 'complete' ? '' : `not complete (${printable(verify.reason ?? verify.outcome)}), `;
  const repair = verify.repair?.phase === 'checked' ? 'after a repair: ' : verify.repair ? 'being repaired: ' : '';
  return `${repair}${end}${differences(verify.total)}, ${verify.names} names and ${formatBytes(verify.checked)} compared in ${(verify.durationMs / 1000).toFixed(1)} s`;
}

/** What the last one found, with the differences. */
export function describeLastVerify(verify: LastVerify): string {
  const lines = [summariseVerify(verify)];
  for (const { path, what, detail } of verify.differences) {
    lines.push(`  ${printable(path === '' ? '.' : path)}: ${what}, ${printable(detail)}`);
  }
  const more = verify.total - verify.differences.length;
  if (more > 0) lines.push(`  … and ${more} more: verify.json in the module's state directory on ${verify.host}`);
  if (verify.repair?.phase === 'checked') {
    const { host, by, differences: count } = verify.repair;
    lines.push(
      `This is after the repair of ${differences(count)} on ${host} that ${printable(by)} asked for; what ${host} held is kept aside there.`,
    );
  } else if (verify.repair) lines.push(`A repair of ${verify.repair.host} is under way.`);
  else if (verify.total > 0) lines.push('Nothing was changed on either host.');
  return `${lines.join('\n')}\n`;
}

function differences(count: number): string {
  return count === 0 ? 'no differences' : count === 1 ? '1 difference' : `${count} differences`;
}

import { head } from './common.ts';
import { quote } from './shell.ts';

/** Before a start: what has to be there, and the end of what ran on the secondary. */
export function beforePrimaryText(required: readonly string[], leavesSecondary: boolean): string {
  const looks =
    required.length === 0
      ? ''
      : `for file in ${required.map(quote).join(' ')}; do
  if [ ! -e "$file" ]; then
    echo "$file is not there: the server is not started without it." >&2
    exit 78
  fi
done
`;
  const leaves = leavesSecondary ? 'leave second\n' : '';
  return `${head(['Runs before the server is started. <tocheck> of userconfig.xml, and stop_second of a host that was the secondary.'], '/..')}. "$here/functions"
begin
${looks}${leaves}exit 0
`;
}

/** After each change of state: what SafeKit ran on the secondary, and on a host that is alone. */
export const afterChangeText = `${head(
  [
    'Runs after each change of the state of this host: the scripts of the module that SafeKit ran then, as far as it has them.',
    'A host that waits may be about to take over: what runs on it is stopped by the hook after-wait, when it goes on waiting.',
  ],
  '/..',
)}. "$here/functions"
begin
call 0 transition "$from" "$to" start
case $to in
  SECOND)
    enter both
    enter second
    enter sec
    ;;
  ALONE)
    enter sec
    ;;
  PRIM)
    leave sec
    ;;
  STOP)
    leave sec
    leave second
    leave both
    ;;
esac
exit 0
`;

/** When the module is held back. */
export const afterWaitText = `${head(['Runs when the module has waited on this host for a while: ends what ran there on the secondary, or on a host that is alone.'], '/..')}. "$here/functions"
begin
leave sec
leave second
leave both
exit 0
`;

/** After the end of the server. */
export const afterStopText = `${head(['Runs when the server has ended on this host: poststop of the module.'], '/..')}. "$here/functions"
begin
call 0 poststop "$from" "$to" stop
exit 0
`;

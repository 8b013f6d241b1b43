import type { CustomCheck } from '../draft.ts';
import { head } from './common.ts';
import { quote } from './shell.ts';

/** Runs start_both and start_prim of the module. */
export const startText = `${head([
  'Starts the server: runs start_both and start_prim of the module, as SafeKit did.',
  'SafeKit does not look at how they end. The start has failed when one cannot be run, is killed, or asks for a stop of the module.',
  'What a host has started as the secondary runs on: start_both is not run again there.',
])}. "$here/functions"
begin
for each in start_both start_prim; do
  if [ "$each" = start_both ] && runs both; then continue; fi
  call 0 "$each" "$from" "$to" start
  code=$?
  if [ -e "$SAFEKIT_RUN/stop" ]; then
    echo "$each asked for a stop of the module: the start has failed." >&2
    exit 1
  fi
  if [ "$code" -ge 126 ]; then
    echo "$each cannot be run, or was killed (code $code)." >&2
    exit 1
  fi
  [ "$code" -eq 0 ] || echo "$each ended with code $code, which SafeKit does not look at."
done
exit 0
`;

/** Runs stop_prim and stop_both of the module, nicely and then with force. */
export const stopText = `${head([
  'Stops the server: runs stop_prim and stop_both of the module, nicely and then with "force", as SafeKit did.',
  'SafeKit does not look at how they end. The stop has failed when the forced one cannot be run, takes too long, or reports an error (safekit printe).',
  'When the agent opens the module (STOP) what an earlier life of this host has left is stopped first.',
])}. "$here/functions"
begin
if [ "$from" = STOP ] && [ "$to" = STOP ]; then
  leave sec
  leave second
fi
for each in stop_prim stop_both; do
  call "$nice" "$each" "$from" "$to" stop
done
rm -f -- "$SAFEKIT_RUN/error"
for each in stop_prim stop_both; do
  call "$force" "$each" force "$from" "$to" stop
  code=$?
  if [ "$code" -ge 124 ]; then
    echo "$each cannot be run, was killed, or took longer than $force seconds (code $code)." >&2
    exit 1
  fi
done
if [ -e "$SAFEKIT_RUN/error" ]; then
  echo "The forced stop has reported an error: parts of the server may still run." >&2
  exit 1
fi
rm -f -- "$SAFEVAR/runs.both"
# FILL IN: look here whether anything of the server still runs, and end with a code other than 0 if so. The other host starts the server when
# this script has ended with 0.
exit 0
`;

/** For a person to complete. */
export function emptyText(what: 'start' | 'stop'): string {
  const about =
    what === 'start'
      ? [
          'FILL IN: start the server here, and end with 0 when it runs.',
          'The mirrored directories are there, and the virtual addresses are set.',
        ]
      : [
          'FILL IN: stop the server here, and end with 0 when nothing of it runs any more; also when nothing ran before.',
        ];
  return `${head(about)}. "$here/environment"
echo "$0 is not written yet" >&2
exit 1
`;
}

/** Start, stop and check of services of systemd. @param services in the order in which they are started */
export function serviceTexts(services: readonly string[]): {
  readonly start: string;
  readonly stop: string;
  readonly check: string;
} {
  const names = services.map(quote).join(' ');
  const reversed = [...services].reverse().map(quote).join(' ');
  return {
    start: `${head(['Starts the services that the variable SERVICES of the module names, in their order.'])}
for service in ${names}; do
  systemctl start -- "$service" || exit 1
done
`,
    stop: `${head(['Stops the services that the variable SERVICES of the module names, the last one first.'])}
for service in ${reversed}; do
  systemctl stop -- "$service" || exit 1
done
`,
    check: `${head(['Tells whether the services that the variable SERVICES of the module names run.'])}
for service in ${names}; do
  systemctl is-active --quiet -- "$service" || exit 1
done
`,
  };
}

/** Runs a custom checker of SafeKit, which loops for ever, until it has said once how things are. */
export function customCheckText({ resource, program, args }: CustomCheck): string {
  const path = program.startsWith('/') ? quote(program) : `"$SAFEUSERBIN"/${quote(program)}`;
  const words = [resource, ...args].map(quote).join(' ');
  return `${head(
    [
      'Runs a checker that was written for SafeKit, until it says "up" or "down" for the first time, 20 seconds at most.',
      'Ends with 0 for "up" only.',
    ],
    '/..',
  )}. "$here/functions"
begin
(
  ${path} "$SAFEMODULE" ${words} >"$SAFEKIT_RUN/output" 2>&1 &
  echo $! >"$SAFEKIT_RUN/pid"
  wait $!
  echo $? >"$SAFEKIT_RUN/ended"
) >/dev/null 2>&1 &
looks=0
hasAnswer() {
  [ -s "$SAFEKIT_RUN/verdict" ] || [ -e "$SAFEKIT_RUN/stop" ] || [ -s "$SAFEKIT_RUN/ended" ]
}
# It may answer before this script knows whom to end.
until [ "$looks" -ge 100 ] || { [ -s "$SAFEKIT_RUN/pid" ] && hasAnswer; }; do
  sleep 0.2
  looks=$((looks + 1))
done
if [ ! -s "$SAFEKIT_RUN/ended" ] && read -r pid <"$SAFEKIT_RUN/pid"; then kill -KILL "$pid" 2>/dev/null; fi
wait
verdict=$(cat -- "$SAFEKIT_RUN/verdict" 2>/dev/null)
case $verdict in
  up) exit 0 ;;
  down) echo "the checker says down" ;;
  *) echo "the checker has not said how things are" ;;
esac
tail -n 3 -- "$SAFEKIT_RUN/output" 2>/dev/null
exit 1
`;
}

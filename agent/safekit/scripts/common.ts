import type { Draft } from '../draft.ts';
import { quote, seconds } from './shell.ts';

/** What every generated script begins with. @param up how its folder lies to that of the others: "" or "/.." */
export function head(about: readonly string[], up: '' | '/..' = ''): string {
  const lines = about.map((line) => `# ${line}`).join('\n');
  return `#!/bin/sh
${lines}
here=$(CDPATH='' cd -- "$(dirname -- "$0")${up}" && pwd) || exit 1
`;
}

/** The file "environment": what the module's own scripts find in theirs. */
export function environmentText({ name, variables }: Pick<Draft, 'name' | 'variables'>): string {
  const own = variables.map((each) => `${each.name}=${quote(each.value)}\nexport ${each.name}\n`).join('');
  return `# What the module's scripts find in their environment. Read by the scripts beside it, with $here set to this folder.
SAFE=$here
SAFEMODULE=${quote(name)}
SAFEBIN=$here
SAFEUSERBIN=$here/bin
SAFEUSERCONF=$here/conf
SAFEVAR=\${SAFEVAR:-/run/understudy-imported/${quote(name)}}
SAFEUSERVAR=$SAFEVAR
export SAFE SAFEMODULE SAFEBIN SAFEUSERBIN SAFEUSERCONF SAFEVAR SAFEUSERVAR
${own === '' ? '' : `\n# <var> of userconfig.xml\n${own}`}`;
}

/** The file "functions": how the module's own scripts are run. */
export function functionsText({ niceStopMs, forceStopMs }: Pick<Draft, 'niceStopMs' | 'forceStopMs'>): string {
  return `# Runs scripts of the module as SafeKit did. Read by the scripts beside it, with $here set to this folder.
. "$here/environment"

from=\${UNDERSTUDY_PREVIOUS_STATE:-WAIT}
to=\${UNDERSTUDY_STATE:-WAIT}
# How long a stop may take, in seconds, before it is ended: asked nicely, and with "force".
nice=${seconds(niceStopMs)}
force=${seconds(forceStopMs)}

# Makes a folder for what the module's scripts tell SafeKit during this run: see the program "safekit".
begin() {
  mkdir -p -m 0700 -- "$SAFEVAR" || exit 1
  SAFEKIT_RUN=$(mktemp -d "$SAFEVAR/run.XXXXXX") || exit 1
  export SAFEKIT_RUN
  trap 'rm -rf -- "$SAFEKIT_RUN"' EXIT
  cd -- "$SAFEUSERBIN" || exit 1
}

# call SECONDS SCRIPT ARGUMENTS...: runs a script if the module has it. 0 seconds: however long it takes.
call() {
  limit=$1
  script=$2
  shift 2
  [ -f "$SAFEUSERBIN/$script" ] || return 0
  # What it leaves running must not hold a lock (9).
  if [ "$limit" -eq 0 ]; then
    "$SAFEUSERBIN/$script" "$@" 9>&-
  else
    timeout --foreground --kill-after=5 "$limit" "$SAFEUSERBIN/$script" "$@" 9>&-
  fi
}

# Of "second", "sec" and "both" it is noted in a file that they run, which a boot takes away. States alone do not tell: a host that takes over
# waits for a moment before it is the primary.

# enter NAME: runs start_NAME, unless it runs already.
enter() {
  (
    flock 9
    if [ ! -e "$SAFEVAR/runs.$1" ]; then
      : >"$SAFEVAR/runs.$1"
      call 0 "start_$1" "$from" "$to" start
    fi
  ) 9>>"$SAFEVAR/lock.$1"
}

# runs NAME: whether it runs. Waits while it is started or stopped.
runs() {
  (flock 9 && [ -e "$SAFEVAR/runs.$1" ]) 9>>"$SAFEVAR/lock.$1"
}

# leave NAME: if it runs, runs stop_NAME nicely, then with "force" as its first argument.
leave() {
  (
    flock 9
    if [ -e "$SAFEVAR/runs.$1" ]; then
      call "$nice" "stop_$1" "$from" "$to" stop
      call "$force" "stop_$1" force "$from" "$to" stop
      rm -f -- "$SAFEVAR/runs.$1"
    fi
  ) 9>>"$SAFEVAR/lock.$1"
}
`;
}

/** The program "safekit": stands in for the command of that name, as far as scripts of modules use it. */
export const standInText = `#!/bin/sh
# Stands in for the command "safekit" in scripts that were written for it. What they say goes to the agent's log; a script that asks for a stop
# of the module, or reports an error, is noticed by the script that runs it (the folder SAFEKIT_RUN).

note() {
  if [ -d "\${SAFEKIT_RUN:-}" ]; then : >"$SAFEKIT_RUN/$1"; fi
}

command=\${1:-}
[ $# -eq 0 ] || shift
case $command in
  printi | printw | printe)
    printf '%s\\n' "$*"
    if [ "$command" = printe ]; then note error; fi
    ;;
  stop | stopstart | forcestop | shutdown)
    printf 'asked for: safekit %s %s\\n' "$command" "$*"
    note stop
    ;;
  set)
    value=
    while [ $# -gt 0 ]; do
      if [ "$1" = -v ]; then value=\${2:-}; fi
      shift
    done
    case $value in
      up | down)
        if [ -d "\${SAFEKIT_RUN:-}" ]; then
          printf '%s\\n' "$value" >"$SAFEKIT_RUN/verdict.new" && mv -- "$SAFEKIT_RUN/verdict.new" "$SAFEKIT_RUN/verdict"
        fi
        ;;
    esac
    ;;
  errd | checker | incloop | resetloop)
    # Nothing of the kind is there to be told.
    ;;
  *)
    printf 'safekit %s is not there in Understudy\\n' "$command" >&2
    exit 1
    ;;
esac
`;

/** Commands of safekit that the stand-in knows. */
export const knownCommands: readonly string[] = [
  'printi',
  'printw',
  'printe',
  'stop',
  'stopstart',
  'forcestop',
  'shutdown',
  'set',
  'errd',
  'checker',
  'incloop',
  'resetloop',
];

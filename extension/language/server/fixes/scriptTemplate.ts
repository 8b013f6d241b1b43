import type { PathSegment } from '../../../../schemas/jsonText.ts';

interface Task {
  readonly what: string;
  readonly body: string;
}

/** What a script has to do, by where a module file names it. */
function taskOf([section, kind]: readonly PathSegment[]): Task {
  if (section === 'hooks') {
    return {
      what: `Hook ${String(kind)}: see its description in the module file.`,
      body: 'echo "$UNDERSTUDY_MODULE is $UNDERSTUDY_STATE on $UNDERSTUDY_HOST: $UNDERSTUDY_REASON"',
    };
  }
  return {
    what: 'Looks at something. Exit code 0 means well; what is written last is told when it fails.',
    body: 'echo "to be written: look whether it is well" >&2\nexit 1',
  };
}

/** Of one program that is named for several of start, stop and check. */
const several: Task = {
  what: 'Starts the server, stops it, or tells whether it is alive: UNDERSTUDY_ACTION says which. "stop" has to end well when nothing runs.',
  body: `case "$UNDERSTUDY_ACTION" in
start) echo "to be written: start the server here, in the background" >&2 ;;
stop) echo "to be written: stop the server here, and wait until nothing of it runs" >&2 ;;
check) echo "to be written: look whether the server is alive" >&2 ;;
esac
exit 1`,
};

/**
 * A first text of a script that a module file names. It fails until somebody has written what it has to do: one that does nothing and
 * says that all is well would be worse than none. The scripts of a server, each for itself, are those of a template instead.
 *
 * @param module a name without anything that could end a line
 * @param isForSeveral whether it is for several of what a server's scripts do
 */
export function scriptText(path: readonly PathSegment[], module: string, isForSeveral: boolean): string {
  const { what, body } = isForSeveral ? several : taskOf(path);
  return `#!/bin/sh
# Module ${module}: the same file on both hosts.
# ${what}
# The agent sets UNDERSTUDY_MODULE, UNDERSTUDY_HOST, UNDERSTUDY_STATE and others in the environment.
set -eu

${body}
`;
}

import type { PathSegment } from '../../../../schemas/jsonText.ts';

/** What a script has to do, by where a module file names it. */
function taskOf(path: readonly PathSegment[]): { readonly what: string; readonly body: string } {
  const [section, kind, key] = path;
  if (section === 'server' && kind === 'scripts' && key === 'start') {
    return {
      what: 'Starts the server. Exit code 0 means that it runs; it goes on in the background.',
      body: 'echo "to be written: start the server here" >&2\nexit 1',
    };
  }
  if (section === 'server' && kind === 'scripts' && key === 'stop') {
    return {
      what: 'Stops the server, and does nothing when it does not run. Exit code 0 means that nothing of it runs any more.',
      body: 'echo "to be written: stop the server here, and wait until nothing of it runs" >&2\nexit 1',
    };
  }
  if (section === 'server' && kind === 'scripts') {
    return {
      what: 'Tells whether the server is alive. Any exit code but 0 means that it died.',
      body: 'echo "to be written: look whether the server is alive" >&2\nexit 1',
    };
  }
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

/**
 * A first text of a script that a module file names. It fails until somebody has written what it has to do: one that does nothing and
 * says that all is well would be worse than none.
 */
export function scriptText(path: readonly PathSegment[], module: string): string {
  const { what, body } = taskOf(path);
  // The name comes from a file that need not be valid.
  const name = module.replace(/[^\w.-]/g, '');
  return `#!/bin/sh
# Module ${name}: the same file on both hosts.
# ${what}
# The agent sets UNDERSTUDY_MODULE, UNDERSTUDY_HOST, UNDERSTUDY_STATE and others in the environment.
set -eu

${body}
`;
}

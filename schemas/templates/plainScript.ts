import { commandWord, comment, moduleFile, script, scriptFiles, scriptsSection, shellWord } from './moduleText.ts';
import { answerOf, plainLine, type ModuleAnswers, type ModuleTemplate, type TemplateQuestion } from './template.ts';

const questions: readonly TemplateQuestion[] = [
  {
    key: 'command',
    title: 'program',
    prompt: 'Program that is run, an absolute path, and its arguments, separated by spaces',
    // A directory that is no plain word would be several, or be refused.
    proposal: ({ name, directory }) =>
      commandWord(directory) === directory ? `/usr/local/bin/${name} ${directory}` : `/usr/local/bin/${name}`,
    path: null,
    check: (answer) =>
      plainLine(answer) ??
      (answer.startsWith('/') ? null : 'An absolute path is expected, such as /usr/local/bin/web.') ??
      (/["'\\`$]/.test(answer)
        ? 'Words without quotes are expected; anything else can be written into the start script afterwards.'
        : null),
  },
];

/** Any program that runs in the foreground. */
export const plainScript: ModuleTemplate = {
  id: 'script',
  label: 'Any program (scripts)',
  detail:
    'Scripts start a program in the background on the host itself, end it, and look whether it is there: to be changed as you need.',
  questions,
  takesAddress: true,
  files: (answers) => [file(answers), ...scriptFiles(answers, plainScripts(answers))],
};

function file(answers: ModuleAnswers): ReturnType<typeof moduleFile> {
  return moduleFile(answers, {
    about: [
      `Module ${answers.name}: a program that scripts run on the host itself.`,
      `Both hosts need the program; what it writes belongs into ${answers.directory}. Nothing else may start it, such as systemd at boot.`,
      'What this does not do: files outside of the mirrored directory are not copied. A program that goes into the background by itself needs other scripts, which find it in another way.',
    ],
    directory:
      'Change: the directory that holds its data, the same path on both hosts. It has to be there before the module is applied.',
    server: scriptsSection(answers, '60s'),
    more: [
      ...comment('Change: whether it does its work. "report" only tells; "restart" and "failover" act.'),
      '// "checks": [{ "tcp": { "port": 8080 }, "onFailure": "report" }],',
    ],
  });
}

/** The three scripts by themselves, for a module file that is there already. */
export function plainScripts(answers: ModuleAnswers): Readonly<Record<'start' | 'stop' | 'check', string>> {
  const words = answerOf(questions, answers, 'command')
    .split(' ')
    .filter((word) => word !== '');
  const head = String.raw`
set -u
# Not in the mirrored directory, and gone after a boot: which process runs is of no use to another host, or to a later life of this one.
pid_file=/run/${shellWord(`understudy-${answers.name}.pid`)}
log=/var/log/${shellWord(`understudy-${answers.name}.log`)}
say() { printf '%s\n' "$*" >&2; }
# When a process was started, in ticks since the boot: tells it from a later one that got the same number.
start_of() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20; }
# Whether the program, or something that it has started, is there. Sets pid.
is_there() {
  { read -r pid started <"$pid_file"; } 2>/dev/null || return 1
  if [ -e "/proc/$pid" ] && [ "$(start_of "$pid")" != "$started" ]; then return 1; fi
  # Its group, but for those that have ended and are only not fetched yet.
  ps -eo pgid=,stat= | grep -q "^ *$pid  *[^ Z]"
}
`;
  return {
    start: script(
      [
        `Starts the program of the module ${answers.name}. The agent runs it when the mirror is mounted and the virtual addresses are set; exit code 0: it runs.`,
        'The agent waits for the end of this script and passes what it writes to its log; the program itself goes on in the background and writes to a log of its own.',
      ],
      `${head}${String.raw`
if is_there; then
  # It may have opened files before the mirror was mounted. The agent runs the stop script next.
  say "Process $pid runs already."
  exit 1
fi
# Change: the program and its arguments. It has to stay in the foreground.
set -- ${words.map(shellWord).join(' ')}
if ! { program=$(command -v "$1") && [ -x "$program" ]; }; then say "$1 is missing, or not executable."; exit 1; fi
# A session of its own: the stop script ends the program with everything that it has started.
setsid "$@" </dev/null >>"$log" 2>&1 &
pid=$!
echo "$pid $(start_of "$pid")" >"$pid_file"
# One that ends at once has not started.
sleep 1
if is_there; then exit 0; fi
say "$1 ended at once. The end of $log:"
tail -n 20 -- "$log" >&2
exit 1`}`,
    ),
    stop: script(
      [
        `Stops the program of the module ${answers.name}: it is asked to end, and killed when that takes too long. Exit code 0: nothing of it runs here.`,
        'The agent runs it also when nothing runs, and when this host must not run the program any more.',
      ],
      `${head}${String.raw`
# Change: seconds for the end in order. The time-out in the module file has to be longer.
patience=20
is_there || exit 0
kill -TERM "-$pid"
while [ "$patience" -gt 0 ]; do
  sleep 1
  is_there || { rm -f -- "$pid_file"; exit 0; }
  patience=$((patience - 1))
done
say "Process $pid did not end in time and is killed."
kill -KILL "-$pid"
sleep 1
if is_there; then say "Process $pid could not be killed."; exit 1; fi
rm -f -- "$pid_file"
exit 0`}`,
    ),
    check: script(
      [
        `Tells whether the program of the module ${answers.name} is alive. Any exit code but 0 means that it has died, and the agent starts it again.`,
      ],
      `${head}${String.raw`
# Change: what else shows that it is alive. Whether it does its work is rather for "checks" in the module file.
if is_there; then exit 0; fi
say 'The program does not run.'
exit 1`}`,
    ),
  };
}

import { comment, json, moduleFile, script, scriptFiles, scriptsSection, shellWord } from './moduleText.ts';
import { answerOf, type ModuleAnswers, type ModuleTemplate, type TemplateQuestion } from './template.ts';

const questions: readonly TemplateQuestion[] = [
  {
    key: 'unit',
    title: 'service',
    prompt: 'Its unit of systemd, such as nginx.service',
    proposal: ({ name }) => `${name}.service`,
    path: null,
    check: (answer) =>
      /^[A-Za-z0-9_][A-Za-z0-9:_.@\\-]{0,200}\.service$/.test(answer)
        ? null
        : 'The name of a unit is expected, such as nginx.service.',
  },
  {
    key: 'url',
    title: 'page',
    prompt: 'Page that answers when the application is well',
    proposal: () => 'http://127.0.0.1/',
    path: 'checks',
  },
];

/** A service of systemd that serves pages. */
export const webApplication: ModuleTemplate = {
  id: 'webApplication',
  label: 'Web application',
  detail:
    'Scripts start and stop a service of systemd on the host itself; its data is in the mirrored directory, and a page is asked for.',
  questions,
  takesAddress: true,
  files: (answers) => [file(answers), ...scriptFiles(answers, scripts(answers))],
};

function file(answers: ModuleAnswers): ReturnType<typeof moduleFile> {
  const unit = answerOf(questions, answers, 'unit');
  return moduleFile(answers, {
    about: [
      `Module ${answers.name}: a web application, run by the unit ${unit} of systemd on the host itself.`,
      `Both hosts need the application and its settings; what it writes (uploads, databases in files, sessions) belongs into ${answers.directory}. Only the module may start it: systemctl disable --now ${unit}, on both hosts.`,
      'What this does not do: programs and settings outside of the mirrored directory are not copied, and a database of its own needs a directory or a module of its own.',
    ],
    directory:
      'Change: the directory that holds its data, the same path on both hosts. It has to be there before the module is applied.',
    server: scriptsSection(answers, '120s'),
    more: [
      ...comment(
        'Whether the page is served. Change "report", which only tells, into "restart" or "failover" when you have seen it work.',
      ),
      `"checks": [{ "http": { "url": ${json(answerOf(questions, answers, 'url'))} }, "onFailure": "report" }],`,
    ],
  });
}

function scripts(answers: ModuleAnswers): Readonly<Record<'start' | 'stop' | 'check', string>> {
  const head = String.raw`
set -u
export LC_ALL=C
unit=${shellWord(answerOf(questions, answers, 'unit'))}
say() { printf '%s\n' "$*" >&2; }
# What systemd says of it: active, activating, deactivating, inactive or failed; a script ends when systemd does not answer.
state_of_unit() { systemctl show --property=ActiveState --value -- "$unit" || { say 'systemd does not answer.'; exit 1; }; }
`;
  return {
    start: script(
      [
        `Starts the web application of the module ${answers.name}. The agent runs it when the mirror is mounted and the virtual addresses are set; exit code 0: systemd says that it runs.`,
      ],
      `${head}${String.raw`
case $(systemctl is-enabled -- "$unit" 2>/dev/null) in
  enabled | enabled-runtime)
    # At the next boot it would work on the replica behind the mirror's back, on both hosts.
    say "systemd starts $unit by itself. Only the module may: systemctl disable --now $unit"
    exit 1
    ;;
esac
# One that runs already has opened its files before the mirror was mounted.
systemctl stop -- "$unit" 2>/dev/null
if systemctl start -- "$unit"; then exit 0; fi
say "$unit does not start:"
systemctl status --no-pager --lines=20 -- "$unit" >&2
exit 1`}`,
    ),
    stop: script(
      [
        `Stops the web application of the module ${answers.name}. Exit code 0: nothing of it runs here.`,
        'The agent runs it also when nothing runs, and when this host must not run the application any more. How long the application may take is for TimeoutStopSec in its unit, which has to be shorter than the time-out in the module file.',
      ],
      `${head}${String.raw`
systemctl stop -- "$unit" 2>/dev/null
state=$(state_of_unit) || exit 1
case $state in
  inactive | failed) exit 0 ;;
esac
say "$unit did not stop ($state) and is killed."
systemctl kill --signal=KILL -- "$unit"
systemctl stop -- "$unit"
state=$(state_of_unit) || exit 1
case $state in
  inactive | failed) exit 0 ;;
esac
say "$unit could not be stopped: $state"
exit 1`}`,
    ),
    check: script(
      [
        `Tells whether the web application of the module ${answers.name} is alive. Any exit code but 0 means that it has died, and the agent starts it again.`,
        'Whether it does its work is for "checks" in the module file.',
      ],
      `${head}${String.raw`
state=$(state_of_unit) || exit 1
case $state in
  active | activating | reloading) exit 0 ;;
esac
say "$unit is $state."
exit 1`}`,
    ),
  };
}

import {
  commandWord,
  comment,
  literally,
  moduleFile,
  script,
  scriptFiles,
  scriptsSection,
  shellWord,
} from './moduleText.ts';
import { answerOf, plainLine, type ModuleAnswers, type ModuleTemplate, type TemplateQuestion } from './template.ts';

const questions: readonly TemplateQuestion[] = [
  {
    key: 'domain',
    title: 'domain',
    prompt: 'Name of the libvirt domain, as virsh list shows it',
    proposal: ({ name }) => name,
    path: null,
    // libvirt writes quotes as entities of XML, by which the start script would not know its file again.
    check: (answer) =>
      plainLine(answer) ??
      (/^-|[/<>&'"]/.test(answer)
        ? 'A name without /, <, >, & and quotes is expected, and no “-” at its beginning.'
        : null),
  },
];

/** A virtual machine that libvirt runs. */
export const libvirt: ModuleTemplate = {
  id: 'libvirt',
  label: 'Virtual server (libvirt)',
  detail: 'Scripts start and stop a libvirt domain (virsh) from an XML file that is mirrored with its disks.',
  questions,
  takesAddress: false,
  files: (answers) => {
    const texts = scripts(answers);
    return [file(answers), ...scriptFiles(answers, texts)];
  },
};

function file(answers: ModuleAnswers): ReturnType<typeof moduleFile> {
  const domain = answerOf(questions, answers, 'domain');
  const [word, xml] = [commandWord(domain), commandWord(`${answers.directory}/domain.xml`)];
  return moduleFile(answers, {
    about: [
      `Module ${answers.name}: the libvirt domain ${domain}, run by scripts.`,
      `Before the first start, on the preferred host: shut the domain down; virsh autostart --disable ${word}; move its disks (and its nvram file, if it has one) into the mirrored directory, and change their paths by virsh edit ${word}; then virsh dumpxml --inactive --security-info ${word} > ${xml}. The other host gets a copy of all of it.`,
      'What this does not do: running machines are not migrated live; networks, storage pools and secrets of libvirt are not copied, both hosts need them by the same names.',
    ],
    directory:
      'Change: the directory that holds the disks and domain.xml, the same path on both hosts. It has to be there before the module is applied.',
    server: scriptsSection(answers, '120s'),
    more: [
      ...comment(
        'Change: whether it does its work, by the address of the guest. "report" only tells; "restart" and "failover" act.',
      ),
      '// "checks": [{ "tcp": { "host": "10.0.0.50", "port": 22 }, "onFailure": "report" }],',
    ],
  });
}

/** Tells whether the domain is there, running or paused; a script ends when libvirt cannot say so. */
const isThere = String.raw`
is_there() {
  active=$(virsh list --name) || { say 'libvirt does not answer: look at systemctl status libvirtd'; exit 1; }
  printf '%s\n' "$active" | grep -Fxq -- "$domain"
}`;

function scripts(answers: ModuleAnswers): Readonly<Record<'start' | 'stop' | 'check', string>> {
  const domain = answerOf(questions, answers, 'domain');
  const head = String.raw`
set -u
export LC_ALL=C LIBVIRT_DEFAULT_URI='qemu:///system'
domain=${shellWord(domain)}
say() { printf '%s\n' "$*" >&2; }`;
  return {
    start: script(
      [
        `Starts the libvirt domain of the module ${answers.name}. The agent runs it when the mirror is mounted; exit code 0: the domain runs.`,
        'The domain is made from a file that is mirrored with its disks, each time, so that both hosts start the same one. Whether the guest does its work is for "checks" in the module file.',
      ],
      `${head}
xml=${shellWord(`${answers.directory}/domain.xml`)}
${isThere}
${String.raw`
if [ ! -r "$xml" ]; then
  say "$xml is missing. On the host that knows the domain: virsh dumpxml --inactive --security-info $domain > $xml"
  exit 1
fi
if ! grep -Fq -- "<name>$domain</name>" "$xml"; then
  # The stop script would not find a domain of another name.
  say "$xml describes another domain than $domain: change its <name>, or the name in these scripts."
  exit 1
fi
if is_there; then
  # It was not started through the mirror, so nothing of what it writes is copied. The agent runs the stop script next.
  say "$domain runs already. Does libvirt start it by itself? virsh autostart --disable $domain"
  exit 1
fi
exec virsh create "$xml"`}`,
    ),
    stop: script(
      [
        `Stops the libvirt domain of the module ${answers.name}: in order, and by switching it off when that takes too long. Exit code 0: nothing of it runs here.`,
        'The agent runs it also when nothing runs, and when this host must not run the domain any more.',
      ],
      `${head}
# Change: seconds for the guest to shut down. The time-out in the module file has to be longer.
patience=60
${isThere}
${String.raw`
is_there || exit 0
# One that is paused, by an error of its disk say, cannot shut down.
if [ "$(virsh domstate "$domain" 2>/dev/null)" != paused ] && virsh shutdown "$domain"; then
  while [ "$patience" -gt 0 ]; do
    sleep 1
    is_there || exit 0
    patience=$((patience - 1))
  done
  say "$domain did not shut down in time and is switched off."
fi
virsh destroy "$domain"
if is_there; then
  say "$domain could not be switched off."
  exit 1
fi
exit 0`}`,
    ),
    check: script(
      [
        `Tells whether the libvirt domain of the module ${answers.name} is alive. Any exit code but 0 means that it has died, and the agent starts it again.`,
      ],
      `${head}
${literally}
${String.raw`
if state=$(virsh domstate --reason "$domain" 2>&1); then
  case $state in
    'paused (I/O error)'*) say "$domain is paused by an error of its disk."; exit 1 ;;
    running* | idle* | paused* | 'in shutdown'* | pmsuspended* | blocked*) exit 0 ;;
    *) say "$domain: $state"; exit 1 ;;
  esac
fi
# A libvirt that is being restarted does not answer, and its domains run on.
if pgrep -f -- "guest=$(literally "$domain")[,]" >/dev/null; then exit 0; fi
say "$state"
exit 1`}`,
    ),
  };
}

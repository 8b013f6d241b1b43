import { comment, moduleFile, script, scriptFiles, scriptsSection, shellWord } from './moduleText.ts';
import { answerOf, plainLine, type ModuleAnswers, type ModuleTemplate, type TemplateQuestion } from './template.ts';

const questions: readonly TemplateQuestion[] = [
  {
    key: 'vmx',
    title: 'virtual machine',
    prompt: 'Its .vmx file in the mirrored directory',
    proposal: ({ name }) => `${name}.vmx`,
    path: null,
    check: (answer) =>
      plainLine(answer) ??
      (/^[^/-][^/]*\.vmx$/.test(answer) ? null : 'The name of a .vmx file is expected, without a folder.'),
  },
];

/** A virtual machine of VMware Workstation. */
export const vmware: ModuleTemplate = {
  id: 'vmware',
  label: 'Virtual server (VMware Workstation)',
  detail:
    'Scripts start and stop a virtual machine of VMware Workstation Pro on Linux (vmrun). Not for ESXi, where no agent can run.',
  questions,
  takesAddress: false,
  files: (answers) => [file(answers), ...scriptFiles(answers, scripts(answers))],
};

function file(answers: ModuleAnswers): ReturnType<typeof moduleFile> {
  return moduleFile(answers, {
    about: [
      `Module ${answers.name}: a virtual machine of VMware Workstation Pro, run by scripts.`,
      `Before the first start put the folder of the virtual machine, as ${answers.directory}, on the preferred host, with all of its disks inside; the other host gets a copy. In its .vmx file: mainMem.useNamedFile = "FALSE" keeps the guest's memory out of the mirror, and uuid.action = "keep" keeps VMware from asking where the machine comes from. It must not be started by anything else.`,
      'What this does not do: it is for VMware Workstation Pro on Linux hosts. On ESXi no agent can run; a machine from there can be run by QEMU instead (qemu-img convert -O qcow2 NAME.vmdk disk.qcow2, and the template for QEMU). Running machines are not migrated live.',
    ],
    directory:
      'Change: the folder of the virtual machine, the same path on both hosts. It has to be there before the module is applied.',
    mirror: [...comment('Locks belong to the host that runs the machine.'), '"exclude": ["*.lck"],'],
    server: scriptsSection(answers, '120s'),
    more: [
      ...comment(
        'Change: whether it does its work, by the address of the guest. "report" only tells; "restart" and "failover" act.',
      ),
      '// "checks": [{ "tcp": { "host": "10.0.0.50", "port": 22 }, "onFailure": "report" }],',
    ],
  });
}

function scripts(answers: ModuleAnswers): Readonly<Record<'start' | 'stop' | 'check', string>> {
  const vmx = `${answers.directory.replace(/\/+$/, '')}/${answerOf(questions, answers, 'vmx')}`;
  const head = String.raw`
set -u
export LC_ALL=C
vmx=${shellWord(vmx)}
say() { printf '%s\n' "$*" >&2; }
# Whether VMware runs the machine; a script ends when that cannot be told.
is_there() {
  if ! command -v vmrun >/dev/null; then
    # Without it nothing was started by these scripts; something else might have done so.
    if pgrep -x vmware-vmx >/dev/null; then say 'vmrun is missing, and a virtual machine runs'; exit 1; fi
    return 1
  fi
  machines=$(vmrun -T ws list) || { say "vmrun does not answer: $machines"; exit 1; }
  printf '%s\n' "$machines" | grep -Fxq -- "$vmx"
}
`;
  return {
    start: script(
      [
        `Starts the virtual machine of the module ${answers.name} by VMware Workstation. The agent runs it when the mirror is mounted; exit code 0: the machine runs.`,
      ],
      `${head}${String.raw`
if ! command -v vmrun >/dev/null; then say 'vmrun is missing: it comes with VMware Workstation Pro.'; exit 1; fi
if [ ! -f "$vmx" ]; then say "$vmx is missing."; exit 1; fi
if is_there; then
  # It was not started through the mirror, so nothing of what it writes is copied. The agent runs the stop script next.
  say "$vmx runs already: who has started it?"
  exit 1
fi
# Locks that are left from a crash of this host. Nobody else has the machine open: that the agent sees to.
find "$(dirname -- "$vmx")" -maxdepth 1 -name '*.lck' -exec rm -rf -- {} +
exec vmrun -T ws start "$vmx" nogui`}`,
    ),
    stop: script(
      [
        `Stops the virtual machine of the module ${answers.name}: in order (that needs VMware Tools in the guest), and by switching it off when that takes too long. Exit code 0: nothing of it runs here.`,
        'The agent runs it also when nothing runs, and when this host must not run the machine any more.',
      ],
      `${head}${String.raw`
# Change: seconds for the guest to shut down. The time-out in the module file has to be longer.
patience=60
is_there || exit 0
timeout "$patience" vmrun -T ws stop "$vmx" soft
is_there || exit 0
say "$vmx did not shut down in order and is switched off."
timeout 20 vmrun -T ws stop "$vmx" hard
if is_there; then say "$vmx could not be switched off."; exit 1; fi
exit 0`}`,
    ),
    check: script(
      [
        `Tells whether the virtual machine of the module ${answers.name} is alive. Any exit code but 0 means that it has died, and the agent starts it again.`,
      ],
      `${head}${String.raw`
if is_there; then exit 0; fi
say "$vmx does not run."
exit 1`}`,
    ),
  };
}

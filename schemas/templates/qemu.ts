import { comment, json, moduleFile } from './moduleText.ts';
import { answerOf, type ModuleAnswers, type ModuleTemplate, type TemplateQuestion } from './template.ts';

const questions: readonly TemplateQuestion[] = [
  {
    key: 'memory',
    title: 'memory',
    prompt: 'Memory of the virtual server, such as 2GiB or 512MiB',
    proposal: () => '2GiB',
    path: 'server.qemu.memory',
  },
  {
    key: 'disk',
    title: 'disk',
    prompt: 'Image of its disk, in the mirrored directory: NAME.qcow2, or any other name for a raw image',
    proposal: () => 'disk.qcow2',
    path: 'server.qemu.disks',
  },
  {
    key: 'bridge',
    title: 'network',
    prompt: 'Bridge of the hosts that its network card is connected to. Empty: it gets no network.',
    proposal: () => 'br0',
    path: 'server.qemu.networks',
  },
];

/** A virtual machine that the agent itself runs. */
export const qemu: ModuleTemplate = {
  id: 'qemu',
  label: 'Virtual server (QEMU)',
  detail:
    'The agent runs the virtual machine itself, with KVM where the host has it. Needs qemu-system-x86 on both hosts.',
  questions,
  takesAddress: false,
  files: (answers) => [file(answers)],
};

function file(answers: ModuleAnswers): ReturnType<typeof moduleFile> {
  const disk = answerOf(questions, answers, 'disk');
  const bridge = answerOf(questions, answers, 'bridge');
  const format = disk.endsWith('.qcow2') ? 'qcow2' : 'raw';
  const card = bridge === '' ? '"networks": [],' : `"networks": [{ "bridge": ${json(bridge)} }],`;
  return moduleFile(answers, {
    about: [
      `Module ${answers.name}: a virtual server that the agent runs by QEMU.`,
      'Before the first start put its disk into the mirrored directory of the preferred host; the other host gets a copy. Apply this file to the cluster, then start the module.',
      'What this does not do: running machines are not migrated live; a move ends the server and starts it on the other host.',
    ],
    directory:
      'Change: the directory that holds the disks, the same path on both hosts. It has to be there before the module is applied.',
    server: [
      '"qemu": {',
      ...comment('Change: memory and processors. Both hosts need that much free when they run it.').map(nested),
      `  "memory": ${json(answerOf(questions, answers, 'memory'))},`,
      '  "cpus": 2,',
      ...comment('Relative paths start at the mirrored directory. The first disk is the one that it boots from.').map(
        nested,
      ),
      `  "disks": [{ "file": ${json(disk)}, "format": ${json(format)} }],`,
      ...comment('Change: the bridge, which both hosts need by this name.').map(nested),
      `  ${card}`,
      ...comment('How long the guest may take to shut down in order before it is switched off.').map(nested),
      '  "shutdownTimeout": "60s",',
      '},',
    ],
    more: [
      ...comment(
        'Change: whether it does its work, by the address of the guest. "report" only tells; "restart" and "failover" act.',
      ),
      '// "checks": [{ "tcp": { "host": "10.0.0.50", "port": 22 }, "onFailure": "report" }],',
    ],
  });
}

function nested(line: string): string {
  return `  ${line}`;
}

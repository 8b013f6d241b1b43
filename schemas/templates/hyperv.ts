import { commandWord, comment, moduleFile, script, scriptFiles, scriptsSection, shellWord } from './moduleText.ts';
import { answerOf, plainLine, type ModuleAnswers, type ModuleTemplate, type TemplateQuestion } from './template.ts';

const account = (answer: string): string | null =>
  /^([A-Za-z0-9._][A-Za-z0-9._\\-]*@)?[A-Za-z0-9][A-Za-z0-9.:-]*$/.test(answer)
    ? null
    : 'USER@HOST is expected, as ssh takes it.';

const questions: readonly TemplateQuestion[] = [
  {
    key: 'machine',
    title: 'virtual machine',
    prompt: 'Its name in Hyper-V',
    proposal: ({ name }) => name,
    path: null,
    check: (answer) =>
      plainLine(answer) ??
      // PowerShell takes the others for wildcards.
      (/['\u2018-\u201b*?[\]]/.test(answer) ? 'A name without quotes, *, ?, [ and ] is expected.' : null),
  },
  {
    key: 'first',
    title: 'first Hyper-V host',
    prompt: 'Hyper-V host that works with the first host of the pair, as ssh reaches it: USER@HOST',
    proposal: ({ hosts }) => `administrator@hyperv-${hosts[0]}`,
    path: null,
    check: account,
  },
  {
    key: 'second',
    title: 'second Hyper-V host',
    prompt: 'Hyper-V host that works with the second host of the pair, as ssh reaches it: USER@HOST',
    proposal: ({ hosts }) => `administrator@hyperv-${hosts[1]}`,
    path: null,
    check: account,
  },
];

/** A virtual machine on a Hyper-V host whose disk is served by the pair. */
export const hyperv: ModuleTemplate = {
  id: 'hyperv',
  label: 'Virtual server (Hyper-V beside the pair)',
  detail:
    'The Linux pair serves the disk over iSCSI (tgt); scripts start and stop the machine on a Hyper-V host beside each of them over ssh.',
  questions,
  takesAddress: false,
  files: (answers) => [file(answers), ...scriptFiles(answers, scripts(answers))],
};

const image = 'disk.img';
/** While it is there, beside the image, the disk is served and no machine is expected on it. */
const setup = 'setup';

function file(answers: ModuleAnswers): ReturnType<typeof moduleFile> {
  const [first, second] = answers.hosts;
  const word = (name: string): string => commandWord(`${answers.directory}/${name}`);
  return moduleFile(answers, {
    about: [
      `Module ${answers.name}: a virtual machine on Hyper-V. Agents run on Linux only, so each host of the pair has a Hyper-V host beside it: the Linux host that is primary serves one disk over iSCSI, and scripts start the machine on its Hyper-V host over ssh.`,
      `Both Linux hosts need tgt (Debian: tgt) and a key of root for ssh without a password; both Hyper-V hosts the OpenSSH server, an account that may manage Hyper-V, virtual switches of the same names, and the names ${first} and ${second} by which they find the Linux hosts.`,
      `Before the first start, on ${first}: truncate -s 100G ${word(image)}; touch ${word(setup)}. Start the module: as long as the file ${setup} is there the disk is only served. On the Hyper-V host beside it make a volume on the iSCSI disk, with a drive letter that is free on both, and create or move the machine there with all of its files. Then remove the file ${setup} and stop and start the module.`,
      'What this does not do: when a Hyper-V host cannot be reached its machine is cut off from its disk, so that it changes nothing any more, but it is not switched off and may answer the network until it notices. Checkpoints and replicas of Hyper-V are not known here, and running machines are not migrated live. A machine that need not stay on Hyper-V is simpler to run by QEMU: qemu-img convert -O qcow2 NAME.vhdx disk.qcow2, and the template for QEMU.',
    ],
    directory: `Change: the directory that holds the disk (${image}), the same path on both hosts. It has to be there before the module is applied.`,
    server: scriptsSection(answers, '180s'),
    more: [
      ...comment(
        'Change: whether it does its work, by the address of the guest. "report" only tells; "restart" and "failover" act.',
      ),
      '// "checks": [{ "tcp": { "host": "10.0.0.50", "port": 3389 }, "onFailure": "report" }],',
    ],
  });
}

/** A text of PowerShell that means exactly `text`. */
function powerShellWord(text: string): string {
  return `'${text.replaceAll(/['\u2018-\u201b]/g, '$&$&')}'`;
}

function scripts(answers: ModuleAnswers): Readonly<Record<'start' | 'stop' | 'check', string>> {
  const [first, second] = answers.hosts;
  const directory = answers.directory.replace(/\/+$/, '');
  const target = `iqn.2026-01.dev.understudy:${answers.name}`;
  const machine = answerOf(questions, answers, 'machine');
  const of = (key: string): string => shellWord(answerOf(questions, answers, key));
  const head = String.raw`
set -u
export LC_ALL=C
target=${shellWord(target)}
setup=${shellWord(`${directory}/${setup}`)}
say() { printf '%s\n' "$*" >&2; }
# Change: the Hyper-V host beside each host of the pair.
hyperv_of() {
  case $1 in
    ${shellWord(first)}) printf '%s\n' ${of('first')} ;;
    ${shellWord(second)}) printf '%s\n' ${of('second')} ;;
    *) say "No Hyper-V host is named for $1."; return 1 ;;
  esac
}
# Runs the PowerShell on standard input on the Hyper-V host $1. Exit code 255: it cannot be reached.
ask() {
  program=$(iconv -f UTF-8 -t UTF-16LE | base64 -w 0)
  ssh -n -o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 -- "$1" \
    powershell.exe -NoProfile -NonInteractive -EncodedCommand "$program"
}
hyperv=$(hyperv_of "$UNDERSTUDY_HOST") || exit 1
`;
  // The same in each script, so that each can be read and changed by itself.
  const names = String.raw`$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$machine = ${powerShellWord(machine)}
$target = ${powerShellWord(target)}`;
  const tgt = String.raw`
targets() { tgtadm --lld iscsi --mode target --op show 2>/dev/null; }
# The number of our target; nothing when the disk is not served.
number() { targets | sed -n "s/^Target \([0-9]*\): $target\$/\1/p"; }
`;
  return {
    start: script(
      [
        `Serves the disk of the module ${answers.name} over iSCSI and starts its machine on the Hyper-V host beside this host. The agent runs it when the mirror is mounted; exit code 0: the machine runs.`,
      ],
      `${head}${tgt}image=${shellWord(`${directory}/${image}`)}
${String.raw`
if [ ! -f "$image" ]; then say "$image is missing: truncate -s 100G $image"; exit 1; fi
if [ -n "$(number)" ]; then
  # It was not opened through the mirror, so nothing of what is written is copied. The agent runs the stop script next.
  say "$target is served already."
  exit 1
fi
# The machine of the other side has lost its disk by now; when its host can be reached it is switched off as well.
if other=$(hyperv_of "$UNDERSTUDY_PEER"); then
  ask "$other" <<'END' || say "The machine was not switched off on $other (code $?)."
${names}
Get-VM -Name $machine -ErrorAction SilentlyContinue | Where-Object State -ne 'Off' | Stop-VM -TurnOff -Force
END
fi
last=$(targets | sed -n 's/^Target \([0-9]*\):.*/\1/p' | sort -n | tail -n 1)
[ -n "$last" ] || last=0
next=$((last + 1))
tgtadm --lld iscsi --mode target --op new --tid "$next" --targetname "$target" || exit 1
tgtadm --lld iscsi --mode logicalunit --op new --tid "$next" --lun 1 --backing-store "$image" || exit 1
# Change: ALL lets every machine of the storage network connect; better the address of the Hyper-V host.
tgtadm --lld iscsi --mode target --op bind --tid "$next" --initiator-address ALL || exit 1
{
  # Change: the name or address by which the Hyper-V host finds this host on the storage network.
  printf "\$portal = '%s'\n" "$UNDERSTUDY_HOST"
  cat <<'END'
${names}
if (-not (Get-IscsiTargetPortal | Where-Object TargetPortalAddress -eq $portal)) {
  New-IscsiTargetPortal -TargetPortalAddress $portal | Out-Null
}
Get-IscsiTargetPortal | Where-Object TargetPortalAddress -eq $portal | Update-IscsiTargetPortal
if (-not (Get-IscsiTarget -NodeAddress $target).IsConnected) { Connect-IscsiTarget -NodeAddress $target | Out-Null }
$disk = Get-IscsiSession | Where-Object TargetNodeAddress -eq $target | Get-Disk
$disk | Where-Object IsOffline | Set-Disk -IsOffline $false
$disk | Where-Object IsReadOnly | Set-Disk -IsReadOnly $false
END
  if [ ! -e "$setup" ]; then
    cat <<'END'
if (-not (Get-VM -Name $machine -ErrorAction SilentlyContinue)) {
  $volume = $disk | Get-Partition | Get-Volume | Where-Object DriveLetter | Select-Object -First 1
  if (-not $volume) { throw 'The iSCSI disk has no volume with a drive letter yet.' }
  $file = Get-ChildItem -Path "$($volume.DriveLetter):\" -Recurse -Filter *.vmcx | Select-Object -First 1
  if (-not $file) { throw 'There is no virtual machine on the iSCSI disk yet.' }
  Import-VM -Path $file.FullName | Out-Null
}
# Only the module may start it.
Set-VM -Name $machine -AutomaticStartAction Nothing
Start-VM -Name $machine
END
  fi
} | ask "$hyperv"
code=$?
if [ "$code" -eq 0 ]; then exit 0; fi
say "The machine was not started on $hyperv (code $code)."
exit 1`}`,
    ),
    stop: script(
      [
        `Stops the machine of the module ${answers.name} on the Hyper-V host beside this host, and ends serving its disk. Exit code 0: nothing changes the disk here any more.`,
        'The agent runs it also when nothing runs, and when this host must not serve the disk any more.',
      ],
      `${head}${tgt}${String.raw`
ask "$hyperv" <<'END'
${names}
# Change: seconds for the guest to shut down. The time-out in the module file has to be longer.
$patience = 60
$running = { Get-VM -Name $machine -ErrorAction SilentlyContinue | Where-Object State -ne 'Off' }
if (& $running) {
  Stop-VM -Name $machine -Force -AsJob | Wait-Job -Timeout $patience | Out-Null
  & $running | Stop-VM -TurnOff -Force
}
Disconnect-IscsiTarget -NodeAddress $target -Confirm:$false -ErrorAction SilentlyContinue
if (& $running) { exit 3 }
END
code=$?
number=$(number)
if [ -n "$number" ]; then tgtadm --lld iscsi --mode target --op delete --force --tid "$number"; fi
if [ -n "$(number)" ]; then say "$target is still served."; exit 1; fi
case $code in
  0) exit 0 ;;
  3) say "The machine could not be switched off on $hyperv."; exit 1 ;;
esac
# It cannot change its disk any more, and waiting for its host could keep the other one from taking over.
say "The Hyper-V host $hyperv does not answer as expected (code $code): its machine has no disk any more, but was not switched off."
exit 0`}`,
    ),
    check: script(
      [
        `Tells whether the machine of the module ${answers.name} is alive. Any exit code but 0 means that it has died, and the agent starts it again.`,
        'A Hyper-V host that does not answer is asked three times.',
      ],
      `${head}${String.raw`
if [ -e "$setup" ]; then exit 0; fi
for _ in 1 2 3; do
  ask "$hyperv" <<'END'
${names}
if ((Get-VM -Name $machine).State -ne 'Running') { exit 3 }
END
  code=$?
  case $code in
    0) exit 0 ;;
    3) say "The machine does not run on $hyperv."; exit 1 ;;
  esac
  sleep 2
done
say "The Hyper-V host $hyperv does not answer as expected (code $code)."
exit 1`}`,
    ),
  };
}

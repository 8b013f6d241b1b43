import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hyperv } from '../../../schemas/templates/hyperv.ts';
import { libvirt } from '../../../schemas/templates/libvirt.ts';
import { vmware } from '../../../schemas/templates/vmware.ts';
import { ScriptBench } from './scriptBench.ts';

let bench: ScriptBench;
beforeEach(() => {
  bench = new ScriptBench('web');
});
afterEach(() => bench.remove());

/** As a person would who cannot wait. */
const impatient = (text: string): string => text.replace(/patience=\d+/, 'patience=1').replaceAll('sleep 2', 'sleep 0');

const ok = { code: 0 };
const failed = (words: string) => ({ code: 1, output: expect.stringContaining(words) as string });

describe('the scripts for libvirt', () => {
  beforeEach(async () => {
    await bench.write(libvirt, {}, impatient);
    // Of what libvirt does as much as the scripts ask for: domains are lines of a file.
    bench.standIn(
      'virsh',
      `
[ -e "$STATE/away" ] && { echo 'error: failed to connect to the hypervisor' >&2; exit 1; }
touch "$STATE/active"
case $1 in
  list) cat "$STATE/active" ;;
  create) sed -n 's:.*<name>\\(.*\\)</name>.*:\\1:p' "$2" >>"$STATE/active" ;;
  shutdown) [ -e "$STATE/deaf" ] || : >"$STATE/active" ;;
  destroy) : >"$STATE/active"; echo "$2" >>"$STATE/destroyed" ;;
  domstate)
    for word; do last=$word; done
    grep -Fxq "$last" "$STATE/active" || { echo 'error: Domain not found' >&2; exit 1; }
    if [ -e "$STATE/state" ]; then cat "$STATE/state"; else echo 'running (booted)'; fi ;;
esac`,
    );
    writeFileSync(join(bench.directory, 'domain.xml'), '<domain>\n  <name>web</name>\n</domain>\n');
  });
  const set = (name: string, text = ''): void => writeFileSync(join(bench.state, name), text);

  it('start the domain from the mirrored file, find it alive, and shut it down', async () => {
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(await bench.run('check')).toMatchObject({ code: 1 });
    expect(await bench.run('start')).toMatchObject(ok);
    expect(bench.read('active')).toBe('web\n');
    expect(await bench.run('check')).toMatchObject(ok);
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(bench.read('active')).toBe('');
    expect(bench.read('destroyed')).toBe('');
  });

  it('switch off a guest that does not shut down, and one that is paused at once', async () => {
    await bench.run('start');
    set('deaf');
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(bench.read('destroyed')).toBe('web\n');
    await bench.run('start');
    set('state', 'paused\n');
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(bench.read('destroyed')).toBe('web\nweb\n');
  });

  it('do not take a domain for theirs that was started by something else', async () => {
    set('active', 'web\n');
    expect(await bench.run('start')).toMatchObject(failed('virsh autostart --disable web'));
  });

  it('say that the file is missing, or describes another domain', async () => {
    writeFileSync(join(bench.directory, 'domain.xml'), '<domain><name>db</name></domain>');
    expect(await bench.run('start')).toMatchObject(failed('describes another domain than web'));
    rmSync(join(bench.directory, 'domain.xml'));
    expect(await bench.run('start')).toMatchObject(failed('virsh dumpxml --inactive --security-info web'));
    expect(bench.read('active')).toBe('');
  });

  it('never say that it has stopped while libvirt does not answer', async () => {
    await bench.run('start');
    set('away');
    expect(await bench.run('stop')).toMatchObject(failed('libvirt does not answer'));
    expect(await bench.run('check')).toMatchObject(failed('failed to connect'));
  });

  it('find a domain dead whose disk has failed, and alive when somebody has paused it', async () => {
    await bench.run('start');
    set('state', 'paused (I/O error)\n');
    expect(await bench.run('check')).toMatchObject(failed('an error of its disk'));
    set('state', 'paused (user)\n');
    expect(await bench.run('check')).toMatchObject(ok);
    set('state', 'crashed (panicked)\n');
    expect(await bench.run('check')).toMatchObject(failed('crashed'));
  });
});

describe('the scripts for VMware Workstation', () => {
  beforeEach(async () => {
    await bench.write(vmware, {}, impatient);
    bench.standIn(
      'vmrun',
      `
shift 2
[ -e "$STATE/away" ] && { echo 'Error: Unable to connect to host'; exit 255; }
touch "$STATE/active"
case $1 in
  list) echo "Total running VMs: $(wc -l <"$STATE/active")"; cat "$STATE/active" ;;
  start) echo "$2" >>"$STATE/active" ;;
  stop)
    if [ "$3" = soft ] && [ -e "$STATE/deaf" ]; then sleep 5; exit 1; fi
    : >"$STATE/active"; echo "$3" >>"$STATE/stopped" ;;
esac`,
    );
    writeFileSync(join(bench.directory, 'web.vmx'), 'displayName = "web"\n');
  });

  it('start the machine without old locks, find it alive, and shut it down', async () => {
    mkdirSync(join(bench.directory, 'web.vmdk.lck'));
    writeFileSync(join(bench.directory, 'web.vmdk.lck/M1.lck'), '');
    expect(await bench.run('start')).toMatchObject(ok);
    expect(bench.read('active')).toBe(`${join(bench.directory, 'web.vmx')}\n`);
    expect(() => rmSync(join(bench.directory, 'web.vmdk.lck'))).toThrow('ENOENT');
    expect(await bench.run('check')).toMatchObject(ok);
    expect(await bench.run('start')).toMatchObject(failed('runs already'));
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(bench.read('stopped')).toBe('soft\n');
    expect(await bench.run('check')).toMatchObject(failed('does not run'));
    expect(await bench.run('stop')).toMatchObject(ok);
  });

  it('switch off a guest that does not shut down', async () => {
    await bench.run('start');
    writeFileSync(join(bench.state, 'deaf'), '');
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(bench.read('stopped')).toBe('hard\n');
  });

  it('never say that it has stopped while vmrun does not answer', async () => {
    await bench.run('start');
    writeFileSync(join(bench.state, 'away'), '');
    expect(await bench.run('stop')).toMatchObject(failed('vmrun does not answer'));
  });
});

describe('the scripts for Hyper-V', () => {
  beforeEach(async () => {
    await bench.write(hyperv, {}, impatient);
    // Of tgt: targets by their number. Of ssh: what PowerShell is told, in the clear.
    bench.standIn(
      'tgtadm',
      `
touch "$STATE/targets"
case $* in
  *'target --op show') cat "$STATE/targets" ;;
  *'target --op new'*) echo "Target $8: \${10}" >>"$STATE/targets" ;;
  *'logicalunit --op new'*) echo "$@" >>"$STATE/units" ;;
  *'target --op delete'*) : >"$STATE/targets" ;;
esac`,
    );
    bench.standIn(
      'ssh',
      `
for word; do last=$word; done
for word; do case $word in *@*) target=$word ;; esac; done
echo "== $target" >>"$STATE/told"
printf '%s' "$last" | base64 -d | iconv -f UTF-16LE -t UTF-8 >>"$STATE/told"
[ -e "$STATE/code" ] && exit "$(cat "$STATE/code")"
exit 0`,
    );
    writeFileSync(join(bench.directory, 'disk.img'), '');
  });

  it('serve the disk before the machine is started, and switch it off on the other side', async () => {
    expect(await bench.run('start')).toMatchObject(ok);
    expect(bench.read('targets')).toBe('Target 1: iqn.2026-01.dev.understudy:web\n');
    expect(bench.read('units')).toContain(join(bench.directory, 'disk.img'));
    const said = bench.read('told');
    expect(said).toMatch(/^== administrator@hyperv-beta\n[\s\S]*Stop-VM -TurnOff -Force\n== /);
    expect(said).toMatch(/== administrator@hyperv-alpha\n\$portal = 'alpha'\n[\s\S]*Start-VM -Name \$machine/);
    expect(said).toContain("$machine = 'web'");
    expect(await bench.run('check')).toMatchObject(ok);
    expect(await bench.run('stop')).toMatchObject(ok);
    expect(bench.read('targets')).toBe('');
  });

  it('serve the disk without a machine while it is set up', async () => {
    writeFileSync(join(bench.directory, 'setup'), '');
    expect(await bench.run('start')).toMatchObject(ok);
    expect(bench.read('told')).toContain('Connect-IscsiTarget');
    expect(bench.read('told')).not.toContain('Start-VM');
    writeFileSync(join(bench.state, 'code'), '3');
    expect(await bench.run('check')).toMatchObject(ok);
  });

  it('end serving the disk also when the Hyper-V host cannot be reached, and say so', async () => {
    await bench.run('start');
    writeFileSync(join(bench.state, 'code'), '255');
    expect(await bench.run('check')).toMatchObject(failed('does not answer as expected (code 255)'));
    const stopped = await bench.run('stop');
    expect(stopped).toMatchObject({ code: 0, output: expect.stringContaining('was not switched off') as string });
    expect(bench.read('targets')).toBe('');
  });

  it('do not say that it has stopped when the machine cannot be switched off', async () => {
    await bench.run('start');
    writeFileSync(join(bench.state, 'code'), '3');
    expect(await bench.run('stop')).toMatchObject(failed('could not be switched off'));
  });

  it('refuse a host that is none of the pair', async () => {
    expect(await bench.run('start', { UNDERSTUDY_HOST: 'delta' })).toMatchObject(
      failed('No Hyper-V host is named for delta'),
    );
  });
});

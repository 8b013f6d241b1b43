import fs from 'node:fs';
import path from 'node:path';
import { run } from '../lab/harness/run.ts';
import { repositoryRoot } from '../lab/harness/paths.ts';

/** Downloads a Debian package, or takes the one that was downloaded before (`.cache/packages`). Returns the .deb file. */
export async function debianPackage(name: string): Promise<string> {
  const [candidate] = (await run(['apt-cache', 'show', '--no-all-versions', name])).split('\n\n');
  const version = /^Version: (.*)$/m.exec(candidate ?? '')?.[1];
  const architecture = /^Architecture: (.*)$/m.exec(candidate ?? '')?.[1];
  if (version === undefined || architecture === undefined) throw new Error(`apt knows no package ${name}.`);
  const cache = path.join(repositoryRoot, '.cache/packages');
  // The name that apt gives to the file.
  const file = path.join(cache, `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`);
  if (fs.existsSync(file)) return file;
  fs.mkdirSync(cache, { recursive: true });
  const work = fs.mkdtempSync(path.join(cache, 'download-'));
  try {
    await run(['apt-get', '-o', 'APT::Sandbox::User=root', 'download', name], { cwd: work, timeoutMs: 300_000 });
    const downloaded = fs.readdirSync(work).find((entry) => entry.endsWith('.deb'));
    if (downloaded === undefined) throw new Error(`apt-get download ${name} left no .deb file.`);
    fs.renameSync(path.join(work, downloaded), file);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
  return file;
}

/** The package of the newest kernel that a package without files of its own depends on. */
export async function dependencyOf(name: string, pattern: RegExp): Promise<string> {
  const found = pattern.exec(await run(['apt-cache', 'depends', name]))?.[1];
  if (found === undefined) throw new Error(`${name} depends on nothing that fits ${String(pattern)}.`);
  return found;
}

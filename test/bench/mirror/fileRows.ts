import fs from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from '../../lab/harness/paths.ts';
import type { Row } from './row.ts';
import { filesInTree, makeTreeArchive } from './treeArchive.ts';

const createProgram = path.join(repositoryRoot, 'dist/test/createFiles.mjs');
const archive = '/var/tmp/tree.tar';

const create: Row = {
  key: 'create',
  name: 'create + write + fsync + close, small files',
  unit: 'files/s',
  extraSeconds: 1,
  prepare: () => Promise.resolve(),
  async measure({ lab, seconds, nextNumber }, system) {
    const directory = path.join(system.directory, `create-${nextNumber()}`);
    const argv = [process.execPath, createProgram, directory, String(seconds)];
    return Number(await lab.host('alpha').run(argv, { timeoutMs: 120_000 }));
  },
};

const untar: Row = {
  key: 'untar',
  name: `untar of ${filesInTree.toLocaleString('en')} files`,
  unit: 'files/s',
  extraSeconds: 8,
  async prepare({ lab }) {
    const outside = lab.host('alpha').outside(archive);
    if (!fs.existsSync(outside)) await makeTreeArchive(outside);
  },
  async measure({ lab, nextNumber }, system) {
    const alpha = lab.host('alpha');
    const directory = path.join(system.directory, `tree-${nextNumber()}`);
    await alpha.run(['mkdir', directory]);
    const start = performance.now();
    await alpha.run(['tar', '-xf', archive, '-C', directory], { timeoutMs: 300_000 });
    return (filesInTree * 1000) / (performance.now() - start);
  },
};

export const fileRows: readonly Row[] = [create, untar];

import { describe, it } from 'vitest';
import { installPackages, unpackAsArchive } from './dpkgStory.ts';
import { dependencyOf } from './debianPackage.ts';
import { noMirror, useMirroredPair } from './mirroredPair.ts';

describe.skipIf(noMirror !== null)('dpkg', () => {
  const pair = useMirroredPair();

  it('unpacks the package of a kernel', async () => {
    await unpackAsArchive(pair(), await dependencyOf('linux-image-cloud-amd64', /Depends: (linux-image-\S+)/));
  });

  it('installs, upgrades, verifies and removes packages', async () => {
    await installPackages(pair(), await dependencyOf('perl', /Depends: (perl-modules-\S+)/), 'busybox-static');
  });

  it('leaves both replicas equal', async () => {
    await pair().expectEqualReplicas();
  });
});

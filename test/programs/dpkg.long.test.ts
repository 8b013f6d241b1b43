import { describe, it } from 'vitest';
import { installPackages } from './dpkgStory.ts';
import { dependencyOf } from './debianPackage.ts';
import { noMirror, useMirroredPair } from './mirroredPair.ts';

describe.skipIf(noMirror !== null)('dpkg', () => {
  const pair = useMirroredPair();

  it('installs, upgrades, verifies and removes the headers of a kernel, some ten thousand files', async () => {
    const headers = await dependencyOf('linux-headers-cloud-amd64', /Depends: (linux-headers-\S+)/);
    await installPackages(pair(), await dependencyOf(headers, /Depends: (linux-headers-\S+-common)/), 'busybox-static');
  });

  it('leaves both replicas equal', async () => {
    await pair().expectEqualReplicas();
  });
});

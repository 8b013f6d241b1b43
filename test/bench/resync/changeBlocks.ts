/** `changeBlocks.mjs FILE BLOCKS COUNT`: writes COUNT different 4 KiB blocks at random places among the file's first BLOCKS, durably. */
import { randomBytes, randomInt } from 'node:crypto';
import fs from 'node:fs';

const [file = '', blocks = '0', count = '0'] = process.argv.slice(2);
const chosen = new Set<number>();
while (chosen.size < Number(count)) chosen.add(randomInt(Number(blocks)));
const fd = fs.openSync(file, 'r+');
for (const block of chosen) fs.writeSync(fd, randomBytes(4096), 0, 4096, block * 4096);
fs.fsyncSync(fd);
fs.closeSync(fd);

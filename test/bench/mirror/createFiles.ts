/** `createFiles.mjs DIRECTORY SECONDS`: creates small files, each durable before the next, and tells how many a second. */
import fs from 'node:fs';
import path from 'node:path';

const [directory = '', seconds = '1'] = process.argv.slice(2);
const content = Buffer.alloc(1024, 'small file ');
fs.mkdirSync(directory);
const start = performance.now();
const end = start + Number(seconds) * 1000;
let files = 0;
for (; performance.now() < end; files++) {
  const fd = fs.openSync(path.join(directory, `file-${files}`), 'wx', 0o644);
  fs.writeSync(fd, content);
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}
process.stdout.write(`${(files * 1000) / (performance.now() - start)}\n`);

import { close, fstat, O_RDONLY, preadFully } from '../../platform/libc.ts';
import type { Mutation } from '../mutation.ts';
import type { LocalFiles } from './localFile.ts';
import type { FuseNode, NodeTable } from './nodes.ts';
import { MAX_IO } from './protocol.ts';

/**
 * What a range of a file holds, and where the file ends, as changes that give another replica the same; null when it cannot be read, or is longer
 * than a request. Nothing may be under way to the file.
 */
export function contentNow(
  files: LocalFiles,
  nodes: NodeTable,
  node: FuseNode,
  offset: number,
  size: number,
): Mutation[] | null {
  try {
    const fd = files.open(node, O_RDONLY);
    try {
      const file = nodes.ref(node);
      const end = fstat(fd).size;
      const length = Math.min(size, Math.max(0, end - offset));
      if (length > MAX_IO) return null;
      const data = Buffer.alloc(length);
      preadFully(fd, data, offset);
      const changes: Mutation[] = [{ kind: 'truncate', file, size: end }];
      if (length > 0) changes.push({ kind: 'write', file, offset, data });
      return changes;
    } finally {
      close(fd);
    }
  } catch {
    return null;
  }
}

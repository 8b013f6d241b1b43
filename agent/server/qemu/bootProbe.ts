/**
 * A boot sector that does what every operating system does first and broken virtualisation fails at: it builds page tables, enters long
 * mode, flushes the address translation two thousand times, asks the processor for its name, and then reports by writing 0x10 to the
 * port of QEMU's isa-debug-exit device (which makes QEMU exit with code 33). Assembled from:
 *
 *     cli; ds = es = ss = 0; sp = 0x7c00
 *     clear 0x1000..0x3fff; [0x1000] = 0x2003; [0x2000] = 0x3003; [0x3000] = 0x83   (one 2 MiB page onto itself)
 *     cr3 = 0x1000; cr4 |= PAE; EFER |= LME; lgdt; cr0 |= PG | PE; ljmp 8, long_mode
 *     long_mode: ecx = 2000; 1: cr3 = cr3; eax = [0x1000]; loop 1b; eax = 0; cpuid; out 0xf4, 0x10; 2: hlt; jmp 2b
 */
const code =
  'fa31c08ed88ec08ed0bc007cbf0010b90018fcf3ab66c70600100320000066c70600200330000066c70600308300000066b8' +
  '001000000f22d80f20e06683c8200f22e066b9800000c00f32660d000100000f300f0116987c0f20c0660d010000800f22c0' +
  'ea697c0800b9d00700000f20d80f22d88b042500100000e2f131c00fa2b010e6f4f4ebfd000000000000000000000000009a' +
  '20000f00887c00000000';

/** Exit code of QEMU when the guest wrote 0x10 to isa-debug-exit: (value << 1) | 1. */
export const bootProbeExitCode = 33;

/** The port that the probe reports on. */
export const bootProbePort = 0xf4;

/** The probe as a disk image of one sector. */
export function bootProbeImage(): Buffer {
  const sector = Buffer.alloc(512);
  Buffer.from(code, 'hex').copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

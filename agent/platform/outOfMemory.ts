import { readFileSync, writeFileSync } from 'node:fs';

/** Near the lowest, -1000: only what is exempt altogether is spared longer (proc(5), oom_score_adj). */
const exemption = -900;
const usualScore = 0;

/** The agent decides whether others live: it must not be the one that memory pressure picks. Best effort. */
export function exemptFromOutOfMemoryKiller(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', String(exemption));
  } catch {
    // Not root, or not permitted here.
  }
}

/**
 * Every process that the agent starts inherits its exemption. A server, a script or a check that kept it would be spared while it takes the
 * memory, and others would be killed that take none. What has to do its work when the agent has died keeps it: the mirror processes, and who
 * removes the addresses. Called at once after the start, so that what the process starts in its turn is as usual, too. A value that is higher
 * already stays. Best effort.
 */
export function setOutOfMemoryScoreBack(pid: number | undefined, usual = usualScore): void {
  if (pid === undefined) return;
  const file = `/proc/${String(pid)}/oom_score_adj`;
  try {
    if (Number(readFileSync(file, 'utf8')) < usual) writeFileSync(file, String(usual));
  } catch {
    // It has ended already.
  }
}

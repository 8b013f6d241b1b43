/** How hosts wait for one another while files become the next version. */

/** For so long a host keeps itself free for a version that it has agreed to. */
export const reservedMs = 30_000;
/** Whoever coordinates decides within this time, far from the end of what the others keep free. */
export const decideWithinMs = 10_000;
/** A host that has agreed to a version is told soon what became of it; later it may have missed that. */
export const toldWithinMs = 5000;
/** How long a host may take to check a version, and to make it durable. */
export const answerMs = 8000;
/** How often it is tried to take over a version that this host does not have. */
export const catchUpMs = 2000;

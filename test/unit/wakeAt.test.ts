import { describe, expect, it } from 'vitest';
import { outsideOf } from '../../agent/mirror/link/outside.ts';
import { SharedState } from '../../agent/mirror/link/sharedState.ts';
import { clearEvent, eventfd, Poll, POLLIN } from '../../agent/platform/libc.ts';

/** The dispatcher's end: what it sleeps on. */
function dispatcher() {
  const wakeFd = eventfd();
  const shared = new SharedState(outsideOf(-1, wakeFd));
  shared.connected(-1, 10);
  const poll = new Poll([{ fd: wakeFd, events: POLLIN }]);
  const isWoken = () => {
    const woken = poll.wait(0) === 1;
    if (woken) clearEvent(wakeFd);
    return woken;
  };
  return { shared, isWoken };
}

describe('a dispatcher that waits for an acknowledgement', () => {
  it('is woken by the acknowledgement that it waits for, once', () => {
    const { shared, isWoken } = dispatcher();
    expect(shared.wakeAt(13)).toBe(true);
    shared.noteAcknowledged(12);
    expect(isWoken()).toBe(false);
    shared.noteAcknowledged(14);
    expect(isWoken()).toBe(true);
    shared.noteAcknowledged(15);
    expect(isWoken()).toBe(false);
  });

  it('is woken by a flush that says the same', () => {
    const { shared, isWoken } = dispatcher();
    shared.wakeAt(13);
    shared.notePeerFlushed(13);
    expect(isWoken()).toBe(true);
  });

  it('does not fall asleep for what has come already, and a new connection begins anew', () => {
    const { shared, isWoken } = dispatcher();
    shared.noteAcknowledged(13);
    expect(shared.wakeAt(13)).toBe(false);
    shared.wakeAt(20);
    shared.connected(-1, 30);
    shared.noteAcknowledged(31);
    expect(isWoken()).toBe(false);
  });
});

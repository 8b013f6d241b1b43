import type { Span } from './observed.ts';

/** Shorter than this nobody notices. */
const noticedMs = 60;

/** "about 3.1 s", or "2.9 to 3.4 s". */
export function spanText({ min, max }: Span): string {
  const [low, high] = [timeText(min), timeText(max)];
  if (low === high) return `about ${high}`;
  if (min < noticedMs) return `at most ${high}`;
  const [from, to] = [low.split(' '), high.split(' ')];
  return from[1] === to[1] && from.length === 2 && to.length === 2
    ? `${from[0] ?? ''} to ${high}`
    : `${low} to ${high}`;
}

/** When something happens after something else: "at once", "about 3.1 s later". */
export function laterText(span: Span): string {
  return span.max < noticedMs ? 'at once' : `${spanText(span)} later`;
}

/** As exactly as somebody would say it. */
export function timeText(ms: number): string {
  if (ms < 9950) return `${(Math.max(ms, 100) / 1000).toFixed(1)} s`;
  if (ms < 119_500) return `${String(Math.round(ms / 1000))} s`;
  if (ms < 5_400_000) return `${String(Math.round(ms / 60_000))} min`;
  return `${String(Math.round(ms / 3_600_000))} h`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @param names what begins with one of them keeps it as it is written */
export function sentence(text: string, names: readonly string[]): string {
  const trimmed = text.trim();
  const ended = /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
  const [first = ''] = ended.split(' ');
  return names.includes(first) ? ended : capital(ended);
}

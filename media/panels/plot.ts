import uPlot from 'uplot';
import { h, setAttribute, setText } from './dom.ts';

/** Seconds that a plot shows: as many as there are, within these bounds. */
const shortest = 60;
const longest = 300;

export interface PlotOptions {
  readonly title: string;
  /** Writes a value with its unit. */
  readonly format: (value: number) => string;
  /** Name of a theme variable. */
  readonly colour: string;
  /** Shown instead of the plot while there is nothing to plot. */
  readonly empty: string;
  /** The axis reaches at least this far. */
  readonly atLeast: number;
  /** Powers that the axis' steps are taken from: 2 for bytes, 10 for the rest. */
  readonly base: 2 | 10;
}

/** One value over the last minutes, live. */
export class Plot {
  readonly element: HTMLElement;
  readonly #options: PlotOptions;
  readonly #value = h('span', { class: 'value' });
  readonly #area = h('div', { class: 'plot', role: 'img' });
  readonly #empty: HTMLElement;
  #plot: uPlot | null = null;
  #times: number[] = [];
  #values: (number | null)[] = [];
  #hovered: number | null = null;
  #isLive = false;

  constructor(options: PlotOptions) {
    this.#options = options;
    this.#empty = h('p', { class: 'empty' }, options.empty);
    this.element = h(
      'section',
      { class: 'card metric', 'aria-label': options.title },
      h('header', {}, h('h3', {}, options.title), this.#value),
      h('div', { class: 'plot-frame' }, this.#area, this.#empty),
    );
    new ResizeObserver(() => this.#resize()).observe(this.#area);
  }

  /** @param times milliseconds since 1970 */
  set(times: readonly number[], values: readonly (number | null)[]): void {
    this.#times = times.map((time) => time / 1000);
    this.#values = [...values];
    this.#draw();
  }

  add(time: number, value: number | null): void {
    this.#times.push(time / 1000);
    this.#values.push(value);
    while ((this.#times[0] ?? Infinity) < time / 1000 - longest) {
      this.#times.shift();
      this.#values.shift();
    }
    this.#draw();
  }

  /** Says whether the newest value is of now: otherwise there is none. */
  setLive(isLive: boolean): void {
    if (isLive === this.#isLive) return;
    this.#isLive = isLive;
    this.#showValue();
  }

  /** Moves the window on although nothing was added. */
  tick(): void {
    if (this.#plot !== null) this.#draw();
  }

  /** Colours come from the theme: a canvas has to be told when it changes. */
  restyle(): void {
    this.#plot?.destroy();
    this.#plot = null;
    this.#draw();
  }

  #draw(): void {
    const hasValues = this.#values.some((value) => value !== null);
    this.#empty.hidden = hasValues;
    this.#showValue();
    if (!hasValues) return;
    this.#plot ??= this.#create();
    this.#plot.setData([this.#times, this.#values]);
  }

  #showValue(): void {
    const newest = this.#isLive ? this.#values.at(-1) : null;
    const value = this.#hovered === null ? newest : this.#values[this.#hovered];
    const words = typeof value === 'number' ? this.#options.format(value) : '–';
    const time = this.#hovered === null ? undefined : this.#times[this.#hovered];
    const when = time === undefined ? '' : ` at ${new Date(time * 1000).toLocaleTimeString('en-GB')}`;
    setText(this.#value, `${words}${when}`);
    setAttribute(this.#area, 'aria-label', `${this.#options.title} now ${words}`);
  }

  /** From when to when, in seconds since 1970. */
  #window(): [number, number] {
    const now = Date.now() / 1000;
    return [now - Math.min(longest, Math.max(shortest, now - (this.#times[0] ?? now))), now];
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#area;
    if (this.#plot !== null && width > 0) this.#plot.setSize({ width, height });
  }

  #create(): uPlot {
    const style = getComputedStyle(document.body);
    const colour = (name: string, otherwise: string): string => style.getPropertyValue(name).trim() || otherwise;
    const muted = colour('--vscode-descriptionForeground', style.color);
    const stroke = colour(this.#options.colour, style.color);
    const font = `11px ${style.fontFamily}`;
    const { format, atLeast, base } = this.#options;
    const axis = { stroke: muted, font, grid: { stroke: fade(muted, 28), width: 1 }, ticks: { show: false } };
    return new uPlot(
      {
        width: this.#area.clientWidth || 300,
        height: this.#area.clientHeight || 140,
        padding: [8, 10, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
        scales: {
          x: { range: () => this.#window() },
          y: { range: (_plot, _low, high) => [0, niceAbove(Math.max(high ?? 0, atLeast) * 1.1, base)] },
        },
        axes: [
          { ...axis, space: 70, size: 24, values: (plot, ticks) => ticks.map((tick) => timeLabel(plot, tick)) },
          {
            ...axis,
            size: 72,
            gap: 6,
            splits: (_plot, _axis, _low, high) => [0, high / 2, high],
            values: (_plot, ticks) => ticks.map(format),
          },
        ],
        series: [{}, { stroke, width: 1.5, fill: fade(stroke, 15), points: { show: false }, spanGaps: false }],
        hooks: {
          setCursor: [
            (plot) => {
              this.#hovered = plot.cursor.idx ?? null;
              this.#showValue();
            },
          ],
        },
      },
      [this.#times, this.#values],
      this.#area,
    );
  }
}

/** The next round number above `value` whose half is round as well. */
function niceAbove(value: number, base: 2 | 10): number {
  if (base === 2) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8, 10].find((step) => step * power >= value) ?? 10) * power;
}

/** None at the very left, where the other axis has its own. */
function timeLabel(plot: uPlot, seconds: number): string {
  const { min = 0, max = 0 } = plot.scales['x'] ?? {};
  return min !== null && max !== null && seconds - min < (max - min) * 0.07 ? '' : clockOf(seconds);
}

function clockOf(seconds: number): string {
  const time = new Date(seconds * 1000).toLocaleTimeString('en-GB');
  return time.endsWith(':00') ? time.slice(0, 5) : time;
}

/** A colour with only so much of it, in percent. */
function fade(colour: string, percent: number): string {
  return `color-mix(in srgb, ${colour} ${percent}%, transparent)`;
}

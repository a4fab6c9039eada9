/** Plots as SVG: lines with logarithmic axes, and bars in groups. */

import { escape } from '../terminal/markup.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface BarGroup {
  readonly name: string;
  readonly values: readonly { readonly name: string; readonly value: number | undefined }[];
}

export const colours: Readonly<Record<string, string>> = {
  native: '#1b6e3c',
  bypass: '#1f5fbf',
  sriov: '#7a3fb3',
  vmm: '#b58900',
  split: '#c4472d',
  ethernet: '#7d2150',
  ivc: '#0f8f8f',
};
const colour = (name: string): string => colours[name] ?? '#555';

const size = { width: 720, height: 340, left: 84, right: 110, top: 16, bottom: 52 };
const inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };

export function bytesText(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}

/** Three figures. */
export function short(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(4, digits));
}

function frame(body: string, title: string): string {
  return `<svg viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${escape(title)}">${body}</svg>`;
}

function text(x: number, y: number, words: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(words)}</text>`;
}

const rule = (y: number): string =>
  `<line x1="${size.left}" x2="${size.left + inner.width}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" class="grid"/>`;

/** The name of the vertical axis, beside it from below to above. */
function verticalName(words: string): string {
  const middle = size.top + inner.height / 2;
  return text(18, middle, words, `text-anchor="middle" transform="rotate(-90 18 ${middle.toFixed(1)})"`);
}

const horizontalName = (words: string): string => text(size.left + inner.width / 2, size.height - 6, words, 'text-anchor="middle"');

/** Ticks of a logarithmic axis, no two of which are closer than `apart`; the first stays. */
function apartFrom(values: readonly number[], at: (value: number) => number, apart: number): number[] {
  const kept: number[] = [];
  for (const value of values) if (kept.length === 0 || Math.abs(at(value) - at(kept.at(-1) ?? value)) >= apart) kept.push(value);
  return kept;
}

/** Of the horizontal axis, which is logarithmic. */
export interface Axis {
  readonly name: string;
  readonly tick: (value: number) => string;
}

const messageSize: Axis = { name: 'message size', tick: bytesText };

/** @param unit of the vertical axis */
export function lineChart(title: string, unit: string, lines: readonly Line[], axis: Axis = messageSize): string {
  const points = lines.flatMap((line) => line.points).filter(({ x, y }) => x > 0 && y > 0);
  if (points.length === 0) return '<p>No figures.</p>';
  const [left, right] = [Math.log2(Math.min(...points.map(({ x }) => x))), Math.log2(Math.max(...points.map(({ x }) => x)))];
  const [least, most] = [Math.log10(Math.min(...points.map(({ y }) => y))), Math.log10(Math.max(...points.map(({ y }) => y)))];
  const [low, high] = [Math.floor(least), Math.max(Math.floor(least) + 1, Math.ceil(most * 1.0001))];
  const x = (value: number): number => size.left + ((Math.log2(value) - left) / Math.max(1, right - left)) * inner.width;
  const y = (value: number): number => size.top + inner.height - ((Math.log10(value) - low) / (high - low)) * inner.height;
  const decades = apartFrom(
    Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
    y,
    16,
  );
  const grid = decades.map((value) => rule(y(value)) + text(size.left - 8, y(value) + 4, short(value), 'text-anchor="end"'));
  const sizes = apartFrom(
    [...new Set(points.map((point) => point.x))].sort((a, b) => a - b),
    x,
    46,
  );
  const ticks = sizes.map((value) => text(x(value), size.top + inner.height + 18, axis.tick(value), 'text-anchor="middle" class="small"'));
  const ends = spread(lines.map(({ name, points: own }) => ({ name, at: y(own.at(-1)?.y ?? 1) })));
  const drawn = lines.map(({ name, points: own }) => {
    const path = own.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`).join(' ');
    const dots = own.map((point) => `<circle cx="${x(point.x).toFixed(1)}" cy="${y(point.y).toFixed(1)}" r="3" fill="${colour(name)}"/>`);
    const label = text(size.left + inner.width + 10, (ends.get(name) ?? 0) + 4, name, `style="fill:${colour(name)}"`);
    return `<polyline points="${path}" fill="none" stroke="${colour(name)}" stroke-width="2"/>${dots.join('')}${label}`;
  });
  return frame([...grid, ...ticks, ...drawn, horizontalName(axis.name), verticalName(unit)].join(''), title);
}

/** Labels at least 15 apart, none below the chart. */
function spread(labels: readonly { name: string; at: number }[]): Map<string, number> {
  const placed = new Map<string, number>();
  const sorted = [...labels].sort((a, b) => a.at - b.at);
  let last = -Infinity;
  sorted.forEach(({ name, at }, i) => {
    const lowest = size.top + inner.height - 15 * (sorted.length - 1 - i);
    last = Math.max(Math.min(at, lowest), last + 15);
    placed.set(name, last);
  });
  return placed;
}

/** Where a value lies on the vertical axis of bars: logarithmic when the highest is far above the lowest. */
function barScale(values: readonly number[], reference: number | undefined): { y: (value: number) => number; ticks: number[] } {
  const [least, most] = [Math.min(...values, reference ?? Infinity), Math.max(...values, reference ?? 0)];
  const bottom = size.top + inner.height;
  const steps = Array.from({ length: 40 }, (_, i) => [1, 2, 5].map((digit) => digit * 10 ** (i - 20))).flat();
  if (most <= 8 * least) {
    const top = most * 1.08;
    // At most six lines, at round values.
    const step = steps.find((each) => top / each <= 6) ?? top;
    const ticks = Array.from({ length: Math.floor(top / step) + 1 }, (_, i) => i * step);
    return { y: (value) => bottom - (value / top) * inner.height, ticks };
  }
  const low = least / 2;
  const y = (value: number): number => bottom - (Math.log(value / low) / Math.log((most * 1.2) / low)) * inner.height;
  return {
    y,
    ticks: apartFrom(
      steps.filter((value) => value >= low && value <= most * 1.2),
      y,
      22,
    ),
  };
}

/** @param reference a value at which a line is drawn, such as 1 for "as native" */
export function barChart(title: string, unit: string, groups: readonly BarGroup[], reference?: number): string {
  const values = groups.flatMap((group) => group.values.flatMap(({ value }) => value ?? [])).filter((value) => value > 0);
  if (values.length === 0) return '<p>No figures.</p>';
  const { y, ticks } = barScale(values, reference);
  const wide = inner.width / groups.length;
  const grid = ticks.map((value) => rule(y(value)) + text(size.left - 8, y(value) + 4, short(value), 'text-anchor="end"'));
  const bars = groups.flatMap((group, i) => {
    const each = (wide * 0.84) / group.values.length;
    const label = text(size.left + (i + 0.5) * wide, size.top + inner.height + 18, group.name, 'text-anchor="middle"');
    const drawn = group.values.map(({ name, value }, j) => {
      if (value === undefined || value <= 0) return '';
      const at = size.left + i * wide + wide * 0.08 + j * each;
      const height = size.top + inner.height - y(value);
      return `<rect x="${at.toFixed(1)}" y="${y(value).toFixed(1)}" width="${(each - 1).toFixed(1)}" height="${height.toFixed(1)}" fill="${colour(name)}"><title>${escape(`${group.name}, ${name}: ${short(value)} ${unit}`)}</title></rect>`;
    });
    return [label, ...drawn];
  });
  const mark =
    reference === undefined
      ? ''
      : `<line x1="${size.left}" x2="${size.left + inner.width}" y1="${y(reference)}" y2="${y(reference)}" stroke="#333" stroke-dasharray="4 3"/>`;
  const names = [...new Set(groups.flatMap((group) => group.values.map(({ name }) => name)))];
  const legend = names.map((name, i) => text(size.left + inner.width + 10, size.top + 14 + i * 18, name, `style="fill:${colour(name)}"`));
  return frame([...grid, ...bars, mark, ...legend, verticalName(unit)].join(''), title);
}

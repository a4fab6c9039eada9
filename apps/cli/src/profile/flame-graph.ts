/** A flame graph as SVG that needs nothing else: the job below, its ranks above, and above each what its time was spent with. */
import { escape } from '../terminal/markup.ts';
import { humanSeconds } from '../terminal/units.ts';
import type { Stack } from './stacks.ts';

interface Frame {
  readonly name: string;
  microseconds: number;
  readonly inner: Map<string, Frame>;
}

const width = 1200;
const rowHeight = 22;
const margin = { top: 44, side: 12, bottom: 52 };
/** Of a letter, roughly; texts that do not fit are cut. */
const letter = 7;

const colours: Readonly<Record<string, string>> = {
  ...{ guest: '#7fb3e6', vmm: '#e6c35c', 'driver-domain': '#e08a6d', adapter: '#b59ad9', idle: '#d9d9d9' },
};

function tree(stacks: readonly Stack[]): Frame {
  const root: Frame = { name: '', microseconds: 0, inner: new Map() };
  for (const { frames, microseconds } of stacks) {
    root.microseconds += microseconds;
    let at = root;
    for (const name of frames) {
      const next: Frame = at.inner.get(name) ?? { name, microseconds: 0, inner: new Map() };
      at.inner.set(name, next);
      next.microseconds += microseconds;
      at = next;
    }
  }
  return root;
}

/** @param note what was measured, and how; a line below the graph */
export function flameGraph(title: string, stacks: readonly Stack[], note: readonly string[]): string {
  const root = tree(stacks);
  const depth = Math.max(0, ...stacks.map(({ frames }) => frames.length));
  const height = margin.top + depth * rowHeight + margin.bottom;
  const scale = (width - 2 * margin.side) / Math.max(1, root.microseconds);
  const boxes: string[] = [];
  const draw = (frame: Frame, level: number, left: number, colour: string): void => {
    const wide = frame.microseconds * scale;
    if (wide < 0.2) return;
    const y = margin.top + (depth - 1 - level) * rowHeight;
    const share = ((100 * frame.microseconds) / root.microseconds).toFixed(1);
    const about = `${frame.name}: ${humanSeconds(frame.microseconds / 1e6)}, ${share}%`;
    const room = Math.floor((wide - 6) / letter);
    const label = room < 3 ? '' : frame.name.length <= room ? frame.name : `${frame.name.slice(0, room - 1)}…`;
    const text = label === '' ? '' : `<text x="${(left + 4).toFixed(1)}" y="${y + 15}">${escape(label)}</text>`;
    boxes.push(
      `<g><title>${escape(about)}</title><rect x="${left.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}" fill="${colour}"/>${text}</g>`,
    );
    children(frame, level + 1, left, colour);
  };
  const children = (frame: Frame, level: number, left: number, colour: string): void => {
    let at = left;
    for (const inner of frame.inner.values()) {
      draw(inner, level, at, colours[inner.name] ?? colour);
      at += inner.microseconds * scale;
    }
  };
  children(root, 0, margin.side, '#f0e6d6');
  const words = note.map(
    (line, i) => `<text x="${margin.side}" y="${height - margin.bottom + 22 + i * 17}" class="note">${escape(line)}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<style>rect{stroke:#fff;stroke-width:.6}text{font:12px ui-monospace,monospace;fill:#222}.note{fill:#666}.title{font:bold 15px system-ui,sans-serif}</style>`,
    `<rect width="${width}" height="${height}" fill="#fff"/><text x="${margin.side}" y="26" class="title">${escape(title)}</text>`,
    ...boxes,
    ...words,
    '</svg>',
    '',
  ].join('\n');
}

/** A tree of stages as lines: the tree, how long each took, and a bar where it lies in the whole. */
import { displayWidth, plain, truncate } from '../terminal/text.ts';
import { humanSeconds } from '../terminal/units.ts';
import type { Stage } from './job-timeline.ts';

/** More siblings than this are not shown one by one. */
export const mostSiblings = 16;
const timeWidth = 8;
const leastBar = 10;

interface Row {
  readonly text: string;
  readonly stage: Stage | undefined;
}

/** @param now stands for the end of what goes on, milliseconds since 1970 */
export function timelineLines(root: Stage, width: number, now: number, all = false): string[] {
  const rows = rowsOf(root, '', '', all ? Number.POSITIVE_INFINITY : mostSiblings);
  const labels = Math.min(Math.max(...rows.map(({ text }) => displayWidth(text))), Math.max(12, width - timeWidth - leastBar - 4));
  const barWidth = Math.max(leastBar, width - labels - timeWidth - 4);
  const end = root.end ?? Math.max(now, root.start);
  return rows.map(({ text, stage }) => {
    const label = truncate(text, labels);
    if (stage === undefined) return label;
    const padded = label + ' '.repeat(labels - displayWidth(label));
    const took = humanSeconds(((stage.end ?? end) - stage.start) / 1_000) + (stage.end === undefined ? '+' : '');
    return `${padded}  ${took.padStart(timeWidth)}  ${bar(stage, root.start, end, barWidth)}`.trimEnd();
  });
}

function rowsOf(stage: Stage, lead: string, below: string, most: number): Row[] {
  const shown = stage.children.length > most ? stage.children.slice(0, most - 1) : stage.children;
  const left = stage.children.length - shown.length;
  const children = shown.flatMap((child, index) => {
    const last = index === shown.length - 1 && left === 0;
    return rowsOf(child, `${below}${last ? '`- ' : '|- '}`, `${below}${last ? '   ' : '|  '}`, most);
  });
  const rest = left > 0 ? [{ text: `${below}\`- and ${left} more`, stage: undefined }] : [];
  return [{ text: lead + plain(stage.label), stage }, ...children, ...rest];
}

/** At least one sign, so that the shortest stage is seen where it was. */
function bar(stage: Stage, start: number, end: number, width: number): string {
  const scale = (at: number): number => Math.min(1, Math.max(0, (at - start) / Math.max(1, end - start)));
  const from = Math.min(width - 1, Math.floor(scale(stage.start) * width));
  const to = Math.max(from + 1, Math.round(scale(stage.end ?? end) * width));
  return ' '.repeat(from) + '#'.repeat(to - from);
}

/** One line on a terminal that says what is going on, replaced as it changes and erased at the end. Nothing at all elsewhere. */
import type { Io } from './io.ts';
import { truncate } from './text.ts';

export interface Progress {
  show(text: string): void;
  /** Erases the line, so that output can be written; the next `show` draws it again. */
  clear(): void;
}

const erase = '\r\u001b[2K';
/** The least time between two drawings, in milliseconds: a line that flickers cannot be read. */
const drawEveryMs = 50;

const silent: Progress = { show: () => undefined, clear: () => undefined };

export function progressLine(io: Io, options: { readonly quiet?: boolean; now?: () => number } = {}): Progress {
  if (options.quiet || !io.stderrIsTerminal) return silent;
  const now = options.now ?? (() => performance.now());
  let shown = '';
  let drawn = -Infinity;
  return {
    show: (text) => {
      if (text === shown || (shown !== '' && now() - drawn < drawEveryMs && sameStep(text, shown))) return;
      shown = text;
      drawn = now();
      void io.err(erase + truncate(text, io.columns - 1)).catch(() => undefined);
    },
    clear: () => {
      if (shown !== '') void io.err(erase).catch(() => undefined);
      shown = '';
    },
  };
}

/** Whether two lines tell of the same step, that is, differ only in their numbers. */
function sameStep(a: string, b: string): boolean {
  return a.split(' ')[0] === b.split(' ')[0];
}

/** "[####....] 50%" of a part between 0 and 1. */
export function bar(part: number, width = 20): string {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0));
  const full = Math.round(bounded * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${Math.round(bounded * 100)
    .toString()
    .padStart(3)}%`;
}

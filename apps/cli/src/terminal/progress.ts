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

export function progressLine(io: Io, options: { readonly quiet?: boolean | undefined } = {}): Progress {
  if (options.quiet || !io.stderrIsTerminal) return silent;
  let wanted = '';
  let drawn = '';
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    timer = undefined;
    if (wanted === drawn) return;
    drawn = wanted;
    void io.err(erase + truncate(wanted, io.columns - 1)).catch(() => undefined);
    timer = setTimeout(draw, drawEveryMs).unref();
  };
  return {
    show: (text) => {
      wanted = text;
      if (timer === undefined) draw();
    },
    clear: () => {
      clearTimeout(timer);
      timer = undefined;
      if (drawn !== '') void io.err(erase).catch(() => undefined);
      wanted = drawn = '';
    },
  };
}

/** Several things that go on at once, on one line; each begins to show when it is first told of, and is gone when it has ended. */
export function together(progress: Progress): (name: string) => { show(text: string): void; done(): void } {
  const texts = new Map<string, string>();
  const draw = (): void => (texts.size === 0 ? progress.clear() : progress.show([...texts.values()].join(', ')));
  return (name) => ({
    show: (text) => {
      texts.set(name, text);
      draw();
    },
    done: () => {
      texts.delete(name);
      draw();
    },
  });
}

/** "[####....] 50%" of a part between 0 and 1. */
export function bar(part: number, width = 20): string {
  const bounded = Math.min(1, Math.max(0, Number.isFinite(part) ? part : 0));
  const full = Math.round(bounded * width);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${Math.round(bounded * 100)
    .toString()
    .padStart(3)}%`;
}

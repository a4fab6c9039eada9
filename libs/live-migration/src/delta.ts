/**
 * A page as its difference from what the receiver has: pairs of runs, so many equal 32-bit words, then so many new ones and the words themselves
 * (the idea of XBZRLE, Svard et al., "Evaluation of delta compression techniques for efficient live migration of large virtual machines",
 * VEE 2011). Lengths of runs are 16-bit numbers; a page has 1,024 words.
 */
import { BadStream } from './errors.ts';
import { pageBytes } from './pages.ts';

const words = pageBytes / 4;
const runBytes = 4;

/**
 * @param into takes the result; at least a page
 * @returns the length of the difference, or -1 when it would not be shorter than the page
 */
export function encodeDelta(before: Uint32Array, after: Uint32Array, into: Uint8Array): number {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  let out = 0;
  let at = 0;
  while (at < words) {
    const equalFrom = at;
    while (at < words && before[at] === after[at]) at++;
    if (at === words) break;
    const newFrom = at;
    while (at < words && before[at] !== after[at]) at++;
    const length = runBytes + 4 * (at - newFrom);
    if (out + length >= pageBytes) return -1;
    view.setUint16(out, newFrom - equalFrom, true);
    view.setUint16(out + 2, at - newFrom, true);
    out += runBytes;
    for (let i = newFrom; i < at; i++, out += 4) view.setUint32(out, after[i] ?? 0, true);
  }
  return out;
}

/** Changes a page in place. @throws BadStream for a difference that leads out of the page; the page is unchanged then */
export function applyDelta(delta: Uint8Array, page: Uint8Array): void {
  const view = new DataView(delta.buffer, delta.byteOffset, delta.byteLength);
  const runs: { readonly at: number; readonly from: number; readonly bytes: number }[] = [];
  let at = 0;
  for (let from = 0; from < delta.length;) {
    if (from + runBytes > delta.length) throw new BadStream('the difference of a page ends in the middle');
    at += 4 * view.getUint16(from, true);
    const bytes = 4 * view.getUint16(from + 2, true);
    from += runBytes;
    if (from + bytes > delta.length || at + bytes > pageBytes) throw new BadStream('the difference of a page leads out of it');
    runs.push({ at, from, bytes });
    at += bytes;
    from += bytes;
  }
  for (const run of runs) page.set(delta.subarray(run.from, run.from + run.bytes), run.at);
}

/** Begins each line of output with the rank that wrote it. Pieces may end within a line, so what is unfinished waits for its end. */
import type { storagev1 } from '@verbena/contracts';

export interface RankLabels {
  /** The complete lines so far, labelled. */
  label(rank: number, stream: storagev1.OutputStream, data: Uint8Array): Uint8Array;
  /** What never got its line end, labelled; for the end of the job. */
  rest(): { readonly stream: storagev1.OutputStream; readonly data: Uint8Array }[];
}

/** A line longer than this is passed on in parts: a program without line ends must not fill our memory. */
const longestLine = 64 << 10;
const newline = 0x0a;

export function rankLabels(): RankLabels {
  const open = new Map<string, Buffer>();
  return {
    label: (rank, stream, data) => {
      const key = `${rank}/${stream}`;
      const parts: Uint8Array[] = [];
      let text = Buffer.concat([open.get(key) ?? Buffer.alloc(0), data]);
      for (let end = lineEnd(text); end > 0; end = lineEnd(text)) {
        parts.push(Buffer.from(`[${rank}] `), text.subarray(0, end), ...(text[end - 1] === newline ? [] : [Buffer.of(newline)]));
        text = text.subarray(end);
      }
      open.set(key, Buffer.from(text));
      return Buffer.concat(parts);
    },
    rest: () =>
      [...open].flatMap(([key, data]) => {
        const [rank = '', stream = '0'] = key.split('/');
        return data.length === 0
          ? []
          : [
              {
                stream: Number(stream) as storagev1.OutputStream,
                data: Buffer.concat([Buffer.from(`[${rank}] `), data, Buffer.of(newline)]),
              },
            ];
      }),
  };
}

/** Where the first line ends, behind its line end; 0 when it goes on. */
function lineEnd(text: Buffer): number {
  const found = text.indexOf(newline);
  if (found >= 0 && found < longestLine) return found + 1;
  return text.length >= longestLine ? longestLine : 0;
}

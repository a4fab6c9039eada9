/** Standard input for rank 0. It travels with the submission, so it is read to its end first; a terminal is not read at all. */
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { humanBytes } from '../terminal/units.ts';

const maxBytes = 8 << 20;
/** After this time without an end, say what we wait for: somebody may have left a pipe open. */
const noteAfterMs = 3_000;

export async function readStandardInput(io: Io, note: (text: string) => void, signal: AbortSignal): Promise<Uint8Array> {
  if (io.stdin.isTTY) return new Uint8Array();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const timer = setTimeout(
    () => note('verbena: reading standard input for rank 0; redirect it from /dev/null if there is none'),
    noteAfterMs,
  );
  const onAbort = (): void => void io.stdin.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    for await (const chunk of io.stdin as AsyncIterable<Buffer | string>) {
      const buffer = Buffer.from(chunk);
      bytes += buffer.length;
      if (bytes > maxBytes)
        throw new CliError(
          `standard input is longer than ${humanBytes(maxBytes)}; give large input as a file, with --input`,
          exitCodes.usage,
        );
      chunks.push(buffer);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof CliError) throw error;
    // A closed descriptor (verbena run ... <&-) is no input.
    if ((error as NodeJS.ErrnoException).code !== 'EBADF') throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
  signal.throwIfAborted();
  return Buffer.concat(chunks);
}

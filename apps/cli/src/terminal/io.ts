/** What a command sees of the world: its streams, environment and directory. Specs give one of their own. */
import type { Readable } from 'node:stream';

export interface Io {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** Width of tables. */
  readonly columns: number;
  /** Resolve when the system has taken the data; reject with EPIPE when the reader has gone. */
  out(data: string | Uint8Array): Promise<void>;
  err(data: string | Uint8Array): Promise<void>;
}

const defaultColumns = 80;
const leastColumns = 40;

function writer(stream: NodeJS.WriteStream): (data: string | Uint8Array) => Promise<void> {
  // Without a listener a broken pipe would end the process before anything could be cleaned up; the write's own callback tells of it.
  stream.on('error', () => undefined);
  return (data) =>
    new Promise((resolve, reject) => {
      stream.write(data, (error) => (error ? reject(error) : resolve()));
    });
}

/** The process's own. */
export function processIo(): Io {
  return {
    cwd: process.cwd(),
    env: process.env,
    stdin: process.stdin,
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
    columns: process.stdout.isTTY ? Math.max(leastColumns, process.stdout.columns) : defaultColumns,
    out: writer(process.stdout),
    err: writer(process.stderr),
  };
}

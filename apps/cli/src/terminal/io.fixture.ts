/** A terminal in memory, for specs. */
import { Readable } from 'node:stream';
import type { Io } from './io.ts';

export interface MemoryIo extends Io {
  readonly stdoutText: () => string;
  readonly stderrText: () => string;
}

export function memoryIo(options: Partial<Io> & { readonly input?: string } = {}): MemoryIo {
  const written = { out: '', err: '' };
  const keep = (name: 'out' | 'err') => (data: string | Uint8Array) => {
    written[name] += typeof data === 'string' ? data : Buffer.from(data).toString('utf8');
    return Promise.resolve();
  };
  return {
    cwd: '/',
    env: {},
    stdin: Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    columns: 80,
    out: keep('out'),
    err: keep('err'),
    ...options,
    stdoutText: () => written.out,
    stderrText: () => written.err,
  };
}

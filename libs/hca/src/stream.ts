/** A socket's descriptor as a stream for the firmware. */
import type { WasiStream } from './firmware-instance.ts';

/**
 * The descriptor must be one that does not block. It is not closed here: whoever owns the socket does that, when nobody uses the stream any more.
 * Node says that WASI is experimental when it is loaded, so that is done late.
 */
export function streamOver(fd: number): WasiStream {
  const { WASI } = process.getBuiltinModule('node:wasi');
  const wasi = new WASI({ version: 'preview1', stdin: fd, stdout: fd, stderr: 2 });
  const { fd_read, fd_write } = wasi.wasiImport as Pick<WasiStream, 'fd_read' | 'fd_write'>;
  return { fd_read, fd_write, fd, initialize: (instance) => void wasi.initialize(instance) };
}

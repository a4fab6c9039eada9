/** The launcher's end of the bargain: when it has started us as a child and is gone, however it went, we stop as if we had been told to. */
import { Socket } from 'node:net';

const variable = 'VERBENA_LAUNCHER';

export function followLauncher(): void {
  if (process.env[variable] !== 'fd3') return;
  // It is for this process only; whatever we start has no such descriptor.
  delete process.env[variable];
  const life = new Socket({ fd: 3, readable: true, writable: false });
  life.on('error', () => undefined);
  life.on('close', () => process.kill(process.pid, 'SIGTERM'));
  life.resume();
  life.unref();
}

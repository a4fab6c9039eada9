/** The thread of a driver domain (R18): turns over its guests, and sleeps when none has anything for it. */
import { bootInfo, VB_BOOT_INFO_ADDR } from '@verbena/guest-abi';
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { Backend, type BackendStart } from './backend.ts';
import { DoorbellPage } from './doorbell-page.ts';
import { ShadowRings } from './shadow-rings.ts';

/** Structured-cloneable; `control` must be in the transfer list. */
export interface DriverDomainStart {
  readonly memory: WebAssembly.Memory;
  readonly memoryLimit: number;
  readonly control: MessagePort;
}

export type ToDriverDomain =
  | { readonly type: 'connect'; readonly start: BackendStart }
  | { readonly type: 'disconnect'; readonly connection: number }
  /** A fault on purpose, for those who try what a crash does. */
  | { readonly type: 'crash' };
export type FromDriverDomain = { readonly type: 'connected' | 'disconnected'; readonly connection: number };

/** About what a turn without work takes, in nanoseconds. */
const turnNs = 300;
const leastTurns = 16;
const longestSleepMs = 500;

/** Runs until the thread is ended. */
export function runDriverDomain({ memory, memoryLimit, control }: DriverDomainStart, tell: (message: FromDriverDomain) => void): never {
  const doorbell = new DoorbellPage(memory);
  const rings = new ShadowRings(memory, memoryLimit);
  const spin = new Uint32Array(memory.buffer, VB_BOOT_INFO_ADDR + bootInfo.offsets.spin_ns, 1);
  const backends = new Map<number, Backend>();

  const obey = (message: ToDriverDomain): void => {
    if (message.type === 'crash') throw new Error('this driver domain was told to crash');
    if (message.type === 'connect') {
      const backend = new Backend(message.start, rings);
      backend.keepRings();
      backends.set(message.start.connection, backend);
      tell({ type: 'connected', connection: message.start.connection });
    } else {
      backends.get(message.connection)?.close();
      backends.delete(message.connection);
      tell({ type: 'disconnected', connection: message.connection });
    }
  };
  const turn = (): boolean => {
    let any = false;
    for (let next = receiveMessageOnPort(control); next !== undefined; next = receiveMessageOnPort(control)) {
      obey(next.message as ToDriverDomain);
      any = true;
    }
    return serve() || any;
  };
  const serve = (): boolean => {
    let any = false;
    for (const [connection, backend] of backends) {
      doorbell.serves(connection);
      any = backend.turn() || any;
    }
    doorbell.serves(0);
    return any;
  };

  for (let idle = 0; ; idle++) {
    if (idle % leastTurns === 0 ? turn() : serve()) {
      idle = -1;
      continue;
    }
    if (idle < leastTurns || idle * turnNs < (spin[0] ?? 0)) continue;
    const { seen } = doorbell;
    doorbell.fallAsleep(true);
    for (const backend of backends.values()) backend.arm();
    if (!turn()) doorbell.wait(seen, longestSleepMs);
    doorbell.fallAsleep(false);
    idle = -1;
  }
}

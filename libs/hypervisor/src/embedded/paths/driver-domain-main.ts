/** The thread of a driver domain (R18): turns over its guests, and sleeps when none has anything for it. */
import { bootInfo, VB_BOOT_INFO_ADDR } from '@verbena/guest-abi';
import type { AdapterWorkerInit } from '@verbena/hca';
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads';
import { Backend, type BackendStart } from './backend.ts';
import { DoorbellPage } from './doorbell-page.ts';
import { Bridge } from './ethernet/bridge.ts';
import type { NetBackStart } from './ethernet/netback.ts';
import { Uplink } from './ethernet/uplink.ts';
import { ShadowRings } from './shadow-rings.ts';

/** Structured-cloneable; `control` must be in the transfer list. */
export interface DriverDomainStart {
  readonly memory: WebAssembly.Memory;
  readonly memoryLimit: number;
  readonly control: MessagePort;
}

export type ToDriverDomain =
  | { readonly type: 'connect'; readonly start: BackendStart }
  | { readonly type: 'plug'; readonly start: NetBackStart }
  /** The way to other hosts; comes before the first guest is plugged in. */
  | { readonly type: 'uplink'; readonly init: AdapterWorkerInit }
  | { readonly type: 'disconnect'; readonly connection: number }
  /** A fault on purpose, for those who try what a crash does. */
  | { readonly type: 'crash' };
export type FromDriverDomain =
  | { readonly type: 'connected' | 'disconnected'; readonly connection: number }
  /** The queue pair that other hosts' bridges send to. */
  | { readonly type: 'uplinked'; readonly qpn: number };

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
  const bridge = new Bridge();
  let uplink: Uplink | undefined;

  const obey = (message: ToDriverDomain): void => {
    if (message.type === 'crash') throw new Error('this driver domain was told to crash');
    if (message.type === 'connect') {
      const backend = new Backend(message.start, rings);
      backend.keepRings();
      backends.set(message.start.connection, backend);
      tell({ type: 'connected', connection: message.start.connection });
    } else if (message.type === 'plug') {
      bridge.plug(message.start);
      tell({ type: 'connected', connection: message.start.connection });
    } else if (message.type === 'uplink') {
      uplink = new Uplink(message.init, rings);
      bridge.trunk = uplink;
      tell({ type: 'uplinked', qpn: uplink.qpn });
    } else {
      backends.get(message.connection)?.close();
      backends.delete(message.connection);
      bridge.unplug(message.connection);
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
    any =
      bridge.turn((connection) => {
        doorbell.serves(connection);
      }) || any;
    doorbell.serves(0);
    return (uplink?.turn(bridge) ?? false) || any;
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
    uplink?.arm();
    if (!turn()) doorbell.wait(seen, longestSleepMs);
    doorbell.fallAsleep(false);
    idle = -1;
  }
}

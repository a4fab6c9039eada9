/** A link between two adapters of one thread, for specs: its byte stream is in memory, and can be cut into any pieces, held up, and broken. */
import type { WasiStream } from '../firmware-instance.ts';
import { HostAdapter } from '../host-adapter.ts';
import { LINK_KEY_BYTES, WIRE_BROKEN, WIRE_BUSY, WireEngine } from '../wire-engine.ts';
import type { FirmwareModules, PeerMemory } from '../types.ts';

const EAGAIN = 6;
const most = Number.MAX_SAFE_INTEGER;

/** How many bytes the next read or write may move; 0: none now. */
export type Pace = () => number;

/** One direction. */
class Pipe {
  readonly #chunks: Uint8Array[] = [];
  #bytes = 0;
  closed = false;
  pace: Pace = () => most;
  /** What everything that goes through is changed by. */
  spoil: ((data: Uint8Array) => void) | undefined;

  /** As a socket's buffer would. */
  readonly capacity = 1 << 20;

  write(data: Uint8Array): number {
    const bytes = Math.min(data.length, this.pace(), this.capacity - this.#bytes);
    if (bytes <= 0) return 0;
    const chunk = data.slice(0, bytes);
    this.spoil?.(chunk);
    this.#chunks.push(chunk);
    this.#bytes += bytes;
    return bytes;
  }

  read(into: Uint8Array): number {
    const limit = Math.min(into.length, this.pace());
    let moved = 0;
    while (moved < limit) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const piece = chunk.subarray(0, limit - moved);
      into.set(piece, moved);
      moved += piece.length;
      if (piece.length === chunk.length) this.#chunks.shift();
      else this.#chunks[0] = chunk.subarray(piece.length);
    }
    this.#bytes -= moved;
    return moved;
  }

  get bytes(): number {
    return this.#bytes;
  }
}

function streamOver(adapter: HostAdapter, inbound: Pipe, outbound: Pipe): WasiStream {
  const vector = (at: number): Uint8Array => {
    const view = new DataView(adapter.memory.memory.buffer);
    return new Uint8Array(adapter.memory.memory.buffer, view.getUint32(at, true), view.getUint32(at + 4, true));
  };
  const moved = (at: number, bytes: number): number => {
    new DataView(adapter.memory.memory.buffer).setUint32(at, bytes, true);
    return 0;
  };
  return {
    fd_read: (_fd, at, _count, result) => {
      const bytes = inbound.read(vector(at));
      return bytes === 0 && !inbound.closed ? EAGAIN : moved(result, bytes);
    },
    fd_write: (_fd, at, _count, result) => {
      const bytes = outbound.write(vector(at));
      return bytes === 0 ? EAGAIN : moved(result, bytes);
    },
  };
}

/** One process: an adapter and the engine of its links. */
export class HandProcess {
  readonly adapter: HostAdapter;
  readonly engine: WireEngine;

  /** @param number different for each process, so that no key of one is by chance one of another */
  constructor(firmware: FirmwareModules, number: number) {
    this.adapter = new HostAdapter(firmware);
    for (let i = 1; i < 64; i++) this.adapter.memory.mr(i).set({ generation: number });
    this.engine = new WireEngine(this.adapter.wireInit());
  }

  learn(peer: PeerMemory): void {
    this.engine.learn(peer);
  }
}

let connections = 0;

/** Keys that differ from connection to connection; what they are does not matter here. */
function keysFor(number: number): Uint8Array {
  return Uint8Array.from({ length: LINK_KEY_BYTES }, (_, i) => (i * 131 + number * 77 + (i >> 5) * number) & 0xff);
}

export class HandLink {
  readonly ends: readonly [HandProcess, HandProcess];
  readonly numbers: readonly [number, number];
  pipes: [Pipe, Pipe] = [new Pipe(), new Pipe()];

  constructor(a: HandProcess, b: HandProcess) {
    this.ends = [a, b];
    this.numbers = [a.adapter.addLink(), b.adapter.addLink()];
    this.open();
  }

  /** A new connection over new pipes. */
  open(): void {
    const [a, b] = this.ends;
    const [there, back] = (this.pipes = [new Pipe(), new Pipe()]);
    const [one, two] = [keysFor(++connections), keysFor(++connections)];
    a.engine.open(this.numbers[0], streamOver(a.adapter, back, there), { send: one, receive: two });
    b.engine.open(this.numbers[1], streamOver(b.adapter, there, back), { send: two, receive: one });
  }

  /** The connection is gone, with whatever was on its way. */
  cut(): void {
    this.ends.forEach((end, i) => end.engine.close(this.numbers[i] ?? 0));
  }

  status(end: 0 | 1): { state: number; fault: number } {
    return this.ends[end].engine.status(this.numbers[end]);
  }
}

/** Turns the engines until nothing moves any more; false when a link broke. */
export function settle(processes: readonly HandProcess[]): boolean {
  let good = true;
  for (let quiet = 0; quiet < 2;) {
    let busy = false;
    for (const { engine } of processes) {
      const result = engine.poll(1);
      busy ||= (result & WIRE_BUSY) !== 0;
      good &&= (result & WIRE_BROKEN) === 0;
    }
    if (busy) {
      quiet = 0;
      continue;
    }
    if (quiet === 0) for (const { engine } of processes) engine.settle();
    quiet++;
  }
  return good;
}

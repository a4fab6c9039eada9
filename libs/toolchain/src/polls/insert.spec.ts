import { eventPage, VB_EVENT_PAGE_ADDR } from '@verbena/guest-abi';
import binaryen from 'binaryen';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POLL_WORD } from '../target.ts';
import { randomModule } from '../testing/random-module.ts';
import { calledFromOutside } from './called-from-outside.ts';
import { inCycles } from './cycles.ts';
import { insertPolls } from './insert.ts';
import { readModule, withBodies } from './module-code.ts';

const memory = new WebAssembly.Memory({ initial: 150, maximum: 150 });
const RECORD = 0x0010_0000;
const DATA = 0x0090_0000;
const polled = { program: [1, 2], starts: [] };

interface Outcome {
  readonly result: number;
  readonly data: readonly number[];
  readonly polls: number;
}

/** Runs the program with the poll word as given; `stop` says at which polls it unwinds into memory and is called anew. */
function run(wasm: Uint8Array, word: number, stop: (poll: number) => boolean = () => false): Outcome {
  const data = new Int32Array(memory.buffer, DATA, 16).fill(3);
  new Int32Array(memory.buffer, POLL_WORD, 1)[0] = word;
  let polls = 0;
  let rewinding = false;
  const poll = (): void => {
    if (rewinding) {
      rewinding = false;
      (exports['asyncify_stop_rewind'] as () => void)();
    } else if (stop(polls++)) {
      new Int32Array(memory.buffer, RECORD, 2).set([RECORD + 8, RECORD + 0x10_0000]);
      (exports['asyncify_start_unwind'] as (record: number) => void)(RECORD);
    }
  };
  const instance = (): WebAssembly.Instance['exports'] =>
    new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(wasm)), { env: { memory, poll } }).exports;
  let exports = instance();
  for (;;) {
    const before = polls;
    const result = (exports['run'] as (a: number, b: number) => number)(11, 5);
    const state = exports['asyncify_get_state'] as (() => number) | undefined;
    if (state?.() !== 1) return { result, data: [...data], polls };
    expect(polls).toBeGreaterThan(before);
    (exports['asyncify_stop_unwind'] as () => void)();
    // Elsewhere, with nothing but what is in memory.
    exports = instance();
    rewinding = true;
    (exports['asyncify_start_rewind'] as (record: number) => void)(RECORD);
  }
}

function asyncified(wasm: Uint8Array): Uint8Array {
  const module = binaryen.readBinary(wasm);
  try {
    binaryen.setOptimizeLevel(1);
    binaryen.setPassArgument('asyncify-imports', 'env.poll');
    module.runPasses(['asyncify']);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

const withRun = (wasm: Uint8Array, body: readonly number[]): Uint8Array =>
  withBodies(
    wasm,
    readModule(wasm).bodies.map((each, index) => (index === 1 ? Uint8Array.from(body) : each)),
  );

describe('polls in a program', () => {
  it('look at the word of the event page that the contract names', () => {
    expect(POLL_WORD).toBe(VB_EVENT_PAGE_ADDR + eventPage.offsets.poll);
  });

  it('change nothing of what it computes, asked or not', () => {
    let seen = 0;
    fc.assert(
      fc.property(randomModule, (wasm) => {
        const plain = run(wasm, 0);
        const rewritten = insertPolls(wasm, polled, 'vb_poll');
        expect(run(rewritten, 0)).toEqual({ ...plain, polls: 0 });
        const asked = run(rewritten, 1);
        expect({ ...asked, polls: 0 }).toEqual({ ...plain, polls: 0 });
        seen += asked.polls;
      }),
      { seed: 6, numRuns: 400 },
    );
    expect(seen).toBeGreaterThan(400);
  });

  it('are places where it can leave its thread and go on in another instance, at any of them', () => {
    let stops = 0;
    fc.assert(
      fc.property(randomModule, fc.integer({ min: 1, max: 6 }), (wasm, every) => {
        const plain = run(wasm, 0);
        const moved = run(asyncified(insertPolls(wasm, polled, 'vb_poll')), 1, (poll) => {
          const stopped = poll % every === every - 1;
          if (stopped) stops++;
          return stopped;
        });
        expect({ ...moved, polls: 0 }).toEqual({ ...plain, polls: 0 });
      }),
      { seed: 7, numRuns: 40 },
    );
    expect(stops).toBeGreaterThan(100);
  });

  it('come after so many turns of a loop that is innermost, and in each of one that is not', () => {
    const turns = (inner: boolean): number => {
      // run: locals 2..4, fuel in 5. loop { [loop { }] a = a + 1; if a < 100000, again }
      const count = [0x20, 0, 0x41, 1, 0x6a, 0x22, 0, 0x41, 0xa0, 0x8d, 0x06, 0x48, 0x0d, 0];
      const body = [0, 0x03, 0x40, ...(inner ? [0x03, 0x40, 0x0b] : []), ...count, 0x0b, 0x20, 0, 0x0b];
      const [some] = fc.sample(randomModule, { seed: 1, numRuns: 1 });
      return run(insertPolls(withRun(some ?? new Uint8Array(), body), polled, 'vb_poll'), 1).polls;
    };
    expect(turns(false)).toBe(Math.ceil((100_000 - 11) / 4096));
    expect(turns(true)).toBeGreaterThanOrEqual(100_000 - 11);
  });

  it('come at the entry of functions that call themselves or each other, and of no others', () => {
    const callees = new Map([
      [1, [2]],
      [2, [3, 9]],
      [3, [2]],
      [4, [4]],
      [5, [1, 4]],
    ]);
    expect([...inCycles(callees)].sort()).toEqual([2, 3, 4]);
  });

  it('never come in what libraries call by name, as an allocator of the program, nor in what that calls', () => {
    // 1: _start, 2: main, 3: work, 4: the program's malloc, 5: its search for room, 6: MPI_Send, 7: what nobody calls.
    const callees = new Map([
      [1, [2]],
      [2, [3, 6]],
      [3, [5, 6, 4]],
      [4, [5]],
      [5, [5]],
      [6, [4, 8]],
      [7, []],
    ]);
    expect([...calledFromOutside(callees, new Set([2, 3, 4, 5, 7]), new Set([1]))].sort()).toEqual([4, 5]);
  });
});

/**
 * Polls in a program's own functions, so that one that computes can be brought to a safepoint (docs/decisions/0021-polls-in-loops.md). A poll
 * loads a word of the event page and calls vb_poll() when it is not zero. It stands at the head of loops, and of functions that call
 * themselves. Libraries get none: no poll must come while the MPI library holds its queues. Nor does what libraries call by name, as a malloc() of
 * the program's own, and what that calls.
 *
 *   each turn          loop            now and then   loop
 *                        poll                           poll; left = 4096
 *                        ...                            loop
 *                      end                                left = left - 1; if left = 0, to the loop outside
 *                                                         ...
 *                                                       end
 *                                                     end
 *
 * The loop on the right has no call inside, so Asyncify leaves it as it is.
 */
import { POLL_WORD } from '../target.ts';
import type { PollPlan } from '../tool-protocol.ts';
import { WasmReader } from '../wasm-reader.ts';
import { calledFromOutside } from './called-from-outside.ts';
import { inCycles } from './cycles.ts';
import { EMPTY_BLOCK, I32, opcode, skipInstruction, unsigned } from './instructions.ts';
import { paceOf, readBody, type Body, type Pace } from './loops.ts';
import { readModule, withBodies } from './module-code.ts';

/** Turns of an innermost loop between two polls, in signed LEB128: 4096, and 32 of one that calls, since what it calls may take long. */
const TURNS = [0x80, 0x20] as const;
const CALLING_TURNS = [0x20] as const;

/** @param poll the name by which vb_poll() is exported */
export function insertPolls(wasm: Uint8Array, { program, starts }: PollPlan, poll: string): Uint8Array {
  const module = readModule(wasm);
  const vbPoll = module.exportedFunctions.get(poll);
  if (vbPoll === undefined) return wasm;
  const call = pollInstructions(vbPoll);
  const all = new Map(module.bodies.map((bytes, each) => [each + module.imported, readBody(bytes)]));
  const numbered = (functions: readonly number[]): Set<number> => new Set(functions.map((each) => each + module.imported));
  const callees = new Map([...all].map(([each, body]) => [each, body.callees]));
  const own = numbered(program);
  const spared = calledFromOutside(callees, own, numbered(starts));
  const recursive = inCycles(new Map([...callees].filter(([each]) => own.has(each) && !spared.has(each))));
  const rewritten = module.bodies.map((bytes, each) => {
    const index = each + module.imported;
    const body = all.get(index);
    if (body === undefined || !own.has(index) || spared.has(index)) return bytes;
    const entry = recursive.has(index);
    const paces = body.loops.map(paceOf);
    if (!entry && paces.every((pace) => pace === 'never')) return bytes;
    return rewrite(bytes, body, { paces, entry, call, counter: (module.parameters[each] ?? 0) + body.locals.count });
  });
  return withBodies(wasm, rewritten);
}

const pollInstructions = (index: number): readonly number[] => [
  ...[opcode.i32Const, 0, opcode.i32Load, 2, ...unsigned(POLL_WORD)],
  ...[opcode.if, EMPTY_BLOCK, opcode.call, ...unsigned(index), opcode.end],
];

interface Plan {
  readonly paces: readonly Pace[];
  /** Whether the function polls when it is entered. */
  readonly entry: boolean;
  readonly call: readonly number[];
  /** Index of the local that counts turns. */
  readonly counter: number;
}

function rewrite(bytes: Uint8Array, { locals, loops }: Body, { paces, entry, call, counter }: Plan): Uint8Array {
  const counts = paces.includes('now-and-then');
  const out: Uint8Array[] = [];
  const push = (...code: readonly number[]): void => void out.push(Uint8Array.from(code));
  push(...unsigned(locals.groups + (counts ? 1 : 0)));
  out.push(bytes.subarray(locals.from, locals.to));
  if (counts) push(1, I32);
  if (entry) push(...call);
  const paceAt = new Map(loops.map((loop, i) => [loop.at, { loop, pace: paces[i] }]));
  // Whether each construct that is open has become two, so that labels outside it are one further away.
  const doubled: boolean[] = [false];
  const label = (depth: number): readonly number[] => unsigned(depth + doubled.slice(doubled.length - depth).filter(Boolean).length);
  const reader = new WasmReader(bytes, locals.to);
  let copied = locals.to;
  const copyTo = (at: number, next: number): void => {
    out.push(bytes.subarray(copied, at));
    copied = next;
  };
  while (reader.at < bytes.length) {
    const at = reader.at;
    const code = skipInstruction(reader);
    const { loop, pace } = paceAt.get(at) ?? {};
    if (code === opcode.br || code === opcode.brIf || code === opcode.brTable) {
      copyTo(at, reader.at);
      push(code, ...labels(new WasmReader(bytes, at + 1), code === opcode.brTable, label));
    } else if (loop !== undefined) {
      doubled.push(pace === 'now-and-then');
      if (pace === 'never') continue;
      copyTo(loop.inside, loop.inside);
      push(...call);
      if (pace !== 'now-and-then') continue;
      const counted = unsigned(counter);
      push(opcode.i32Const, ...(loop.calls ? CALLING_TURNS : TURNS), opcode.localSet, ...counted);
      out.push(bytes.subarray(loop.at, loop.inside));
      push(opcode.localGet, ...counted, opcode.i32Const, 1, opcode.i32Sub, opcode.localTee, ...counted, opcode.i32Eqz, opcode.brIf, 1);
    } else if (code === opcode.block || code === opcode.if) doubled.push(false);
    else if (code === opcode.end && doubled.pop() === true) {
      copyTo(at, at);
      push(opcode.end);
    }
  }
  copyTo(bytes.length, bytes.length);
  return Buffer.concat(out);
}

function labels(reader: WasmReader, table: boolean, label: (depth: number) => readonly number[]): number[] {
  const count = table ? reader.number() : 0;
  const all = Array.from({ length: count + 1 }, () => label(reader.number())).flat();
  return table ? [...unsigned(count), ...all] : all;
}

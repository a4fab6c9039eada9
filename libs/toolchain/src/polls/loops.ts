/** The loops of a function's body, and which of them are polled in which way. */
import { WasmReader } from '../wasm-reader.ts';
import { opcode, skipInstruction } from './instructions.ts';

export interface Loop {
  /** Where its instruction begins in the body, and where the first instruction inside it does. */
  readonly at: number;
  readonly inside: number;
  /** Loops around it and itself. */
  readonly depth: number;
  innermost: boolean;
  calls: boolean;
  touchesMemory: boolean;
}

export interface Body {
  /** Where the declarations of locals begin and end, how many groups there are, and how many locals without the parameters. */
  readonly locals: { readonly groups: number; readonly from: number; readonly to: number; readonly count: number };
  readonly loops: readonly Loop[];
  /** Indices of the functions that it calls directly. */
  readonly callees: readonly number[];
}

/**
 * How a loop is polled: in each turn; after so many turns, by a loop that is laid around it; or not at all, because it lies in a loop that is
 * polled and does nothing but go over memory, of which there is not so much that one pass takes long.
 */
export type Pace = 'each-turn' | 'now-and-then' | 'never';

export function paceOf({ innermost, calls, depth, touchesMemory }: Loop): Pace {
  if (!innermost) return 'each-turn';
  return depth > 1 && touchesMemory && !calls ? 'never' : 'now-and-then';
}

const opens: ReadonlySet<number> = new Set([opcode.block, opcode.if]);
const reachesMemory = (code: number): boolean =>
  (code >= opcode.i32Load && code <= opcode.memoryGrow) || (code >= opcode.bulk && code <= opcode.atomic);

/** Reads a function's body as it stands in the code section (WebAssembly Core Specification, 5.5.13). */
export function readBody(bytes: Uint8Array): Body {
  const reader = new WasmReader(bytes, 0);
  const groups = reader.number();
  const from = reader.at;
  let count = 0;
  for (let left = groups; left > 0; left--) {
    count += reader.number();
    reader.byte();
  }
  const to = reader.at;
  const loops: Loop[] = [];
  const callees = new Set<number>();
  // The function's own label comes first: its end closes the body.
  const open: (Loop | undefined)[] = [undefined];
  const around = (): Loop[] => open.filter((each) => each !== undefined);
  while (reader.at < bytes.length) {
    const at = reader.at;
    const code = skipInstruction(reader);
    if (code === opcode.loop) {
      for (const loop of around()) loop.innermost = false;
      const loop: Loop = { at, inside: reader.at, depth: around().length + 1, innermost: true, calls: false, touchesMemory: false };
      loops.push(loop);
      open.push(loop);
    } else if (opens.has(code)) open.push(undefined);
    else if (code === opcode.end) open.pop();
    else if (code === opcode.call || code === opcode.callIndirect) {
      if (code === opcode.call) callees.add(new WasmReader(bytes, at + 1).number());
      for (const loop of around()) loop.calls = true;
    } else if (reachesMemory(code)) for (const loop of around()) loop.touchesMemory = true;
  }
  return { locals: { groups, from, to, count }, loops, callees: [...callees] };
}

/**
 * Modules of random structured code, for what rewrites code: nested blocks, loops, conditions, branches and tables of branches over numbers in
 * locals and in memory. Every program ends: a branch is taken only while there is fuel.
 */
import fc from 'fast-check';
import { EMPTY_BLOCK, I32, opcode, unsigned } from '../polls/instructions.ts';

/** Locals: two parameters, three numbers, the fuel. */
const NUMBERS = 5;
const FUEL = 5;
const BASE = 0x0090_0000;
const code = {
  else: 0x05,
  i32Store: 0x36,
  i32GtS: 0x4a,
  i32Add: 0x6a,
  i32Mul: 0x6c,
  i32And: 0x71,
  i32Xor: 0x73,
  function: 0x60,
} as const;

type Code = readonly number[];

const get = (index: number): Code => [opcode.localGet, ...unsigned(index)];
const small = fc.nat(63).map((value): Code => [opcode.i32Const, value]);
const local = fc.nat(NUMBERS - 1);
const address = (value: Code): Code => [...value, opcode.i32Const, 0x3c, code.i32And];
const load = (value: Code): Code => [...address(value), opcode.i32Load, 2, ...unsigned(BASE)];

const expression = fc.letrec<{ expression: Code }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    small,
    local.map(get),
    tie('expression').map(load),
    fc
      .tuple(tie('expression'), tie('expression'), fc.constantFrom(code.i32Add, code.i32Mul, code.i32Xor, opcode.i32Sub))
      .map(([left, right, operation]): Code => [...left, ...right, operation]),
  ),
})).expression;

/** The fuel is one less; 1 if there is some left. */
const burn: Code = [...get(FUEL), opcode.i32Const, 1, opcode.i32Sub, opcode.localTee, FUEL, opcode.i32Const, 0, code.i32GtS];
const onlyFuelled = (condition: Code): Code => [...condition, opcode.i32Const, 1, code.i32And, ...burn, code.i32And];

/** A statement leaves the stack as it was. It is told how many labels there are around it. */
type Statement = (labels: number) => Code;

const sequence = (statements: readonly Statement[], labels: number): Code => statements.flatMap((statement) => statement(labels));
const calls: Code = [...get(0), opcode.i32Const, 1, code.i32And, ...get(FUEL), opcode.call, 3, opcode.localSet, 2];

const statement = fc.letrec<{ statement: Statement; body: Statement[] }>((tie) => ({
  body: fc.array(tie('statement'), { maxLength: 4, depthIdentifier: 'body' }),
  statement: fc.oneof(
    { maxDepth: 4, depthSize: 'medium', depthIdentifier: 'body' },
    fc.tuple(local, expression).map(([to, value]): Statement => () => [...value, opcode.localSet, to]),
    fc.tuple(expression, expression).map(([to, value]): Statement => () => [...address(to), ...value, code.i32Store, 2, ...unsigned(BASE)]),
    fc.constant((): Code => calls),
    fc
      .tuple(fc.nat(5), expression)
      .map(([depth, condition]): Statement => (labels) => [...onlyFuelled(condition), opcode.brIf, depth % labels]),
    fc
      .tuple(fc.array(fc.nat(5), { minLength: 1, maxLength: 3 }), expression)
      .map(([depths, value]): Statement => (labels) => [
        ...onlyFuelled([opcode.i32Const, 1]),
        ...[opcode.if, EMPTY_BLOCK, ...value, opcode.i32Const, 3, code.i32And],
        ...[opcode.brTable, depths.length - 1, ...depths.map((depth) => depth % (labels + 1)), opcode.end],
      ]),
    tie('body').map((body): Statement => (labels) => [opcode.block, EMPTY_BLOCK, ...sequence(body, labels + 1), opcode.end]),
    fc
      .tuple(tie('body'), expression)
      .map(([body, again]): Statement => (labels) => [
        ...[opcode.loop, EMPTY_BLOCK, ...sequence(body, labels + 1), ...onlyFuelled(again)],
        ...[opcode.brIf, 0, opcode.end],
      ]),
    fc
      .tuple(expression, tie('body'), tie('body'))
      .map(([condition, yes, no]): Statement => (labels) => [
        ...[...condition, opcode.if, EMPTY_BLOCK, ...sequence(yes, labels + 1)],
        ...[code.else, ...sequence(no, labels + 1), opcode.end],
      ]),
  ),
}));

const section = (id: number, bytes: Code): Code => [id, ...unsigned(bytes.length), ...bytes];
const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const name = (text: string): Code => vector([...Buffer.from(text)].map((byte) => [byte]));
const sized = (body: Code): Code => [...unsigned(body.length), ...body];

/** Functions without imports: 0 vb_poll, which calls env.poll; 1 run(a, b); 2 one that run calls and that calls itself. */
function moduleOf(statements: readonly Statement[]): Uint8Array {
  const numbers = [0, 1, 2, 3, 4].flatMap((index): Code => [...get(index), code.i32Xor]);
  const locals: Code = [2, 3, I32, 1, I32];
  const fuelled: Code = [opcode.i32Const, 0x9c, 3, opcode.localSet, FUEL];
  const body: Code = [opcode.block, EMPTY_BLOCK, ...sequence(statements, 1), opcode.end];
  const run: Code = [...locals, ...fuelled, ...body, opcode.i32Const, 0, ...numbers, opcode.end];
  const again: Code = [...get(1), opcode.i32Const, 60, code.i32GtS];
  const less: Code = [...get(0), opcode.i32Const, 7, code.i32Mul, ...get(1), opcode.i32Const, 40, opcode.i32Sub, opcode.call, 3];
  const recursive: Code = [
    0,
    ...again,
    opcode.if,
    I32,
    ...less,
    code.else,
    ...get(0),
    opcode.end,
    opcode.i32Const,
    1,
    code.i32Add,
    opcode.end,
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(
      1,
      vector([
        [code.function, 2, I32, I32, 1, I32],
        [code.function, 0, 0],
      ]),
    ),
    ...section(
      2,
      vector([
        [...name('env'), ...name('memory'), 2, 1, ...unsigned(150), ...unsigned(150)],
        [...name('env'), ...name('poll'), 0, 1],
      ]),
    ),
    ...section(3, vector([[1], [0], [0]])),
    ...section(
      7,
      vector([
        [...name('vb_poll'), 0, 1],
        [...name('run'), 0, 2],
      ]),
    ),
    ...section(10, vector([[0, opcode.call, 0, opcode.end], run, recursive].map(sized))),
  ]);
}

export const randomModule = fc.array(statement.statement, { minLength: 1, maxLength: 6 }).map(moduleOf);

import { describe, expect, it } from 'vitest';
import { displayWidth } from '../terminal/text.ts';
import { chromeTrace, matrixCsv, matrixLines, matrixOf, parseTrace, profileLines } from './mpi-trace.ts';

const head = (rank: number, size: number): string =>
  `{"verbena_mpi_trace":1,"rank":${rank},"size":${size},"elapsed_ns":1000000,"calls":3,"dropped":1}\n`;
const zero =
  head(0, 2) +
  '{"peer":1,"messages":3,"bytes":3072}\n' +
  '{"call":"MPI_Send","count":2,"ns":100000,"longest_ns":90000}\n{"call":"MPI_Barrier","count":1,"ns":200000,"longest_ns":200000}\n' +
  '["MPI_Send",1000,10000]\n["MPI_Barrier",20000,200000]\n';
const one = `${head(1, 2)}{"peer":0,"messages":1,"bytes":8}\n{"call":"MPI_Send","count":1,"ns":50000,"longest_ns":50000}\n`;
const traces = [parseTrace(zero, 0), parseTrace(one, 1)];

describe('the traces that the MPI library left', () => {
  it('make a matrix of bytes and of messages, from the sender down to the receiver across', () => {
    expect(matrixOf(traces, 'bytes')).toEqual([
      [0, 3072],
      [8, 0],
    ]);
    expect(matrixOf(traces, 'messages')).toEqual([
      [0, 3],
      [1, 0],
    ]);
    const [title, ...rows] = matrixLines(traces, 80).map((line) => line.trim().split(/ {2,}/));
    expect(title).toEqual(['FROM\\TO', '0', '1']);
    expect(rows.map(([rank, ...cells]) => [rank, cells.map((cell) => cell === '.')])).toEqual([
      ['0', [true, false]],
      ['1', [false, true]],
    ]);
    expect(matrixCsv(traces)).toBe('from,to,messages,bytes\n0,1,3,3072\n1,0,1,8\n');
  });

  it('make a map that fits the terminal when the numbers do not, a mark for each block of ranks if need be', () => {
    const ring = (size: number) =>
      Array.from({ length: size }, (_, rank) =>
        parseTrace(`${head(rank, size)}{"peer":${(rank + 1) % size},"messages":1,"bytes":900}\n`, rank),
      );
    const lines = matrixLines(ring(64), 80);
    expect(lines[0]).toContain('a mark for each pair');
    expect(lines[1]).toBe('    0  @');
    expect(lines).toHaveLength(65);
    const blocks = matrixLines(ring(512), 80);
    expect(blocks[0]).toContain('a mark for each 8 x 8 ranks');
    for (const line of [...lines, ...blocks]) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });

  it('make a profile, dearest first, over all ranks', () => {
    const [, ...rows] = profileLines(traces, 80).map((line) => line.split(/ {2,}/));
    expect(rows.map(([call, calls, , share]) => [call, calls, share])).toEqual([
      ['MPI_Barrier', '1', '10.0%'],
      ['MPI_Send', '3', '7.5%'],
    ]);
  });

  it('make a Chrome trace with a thread for each rank, in microseconds', () => {
    const { traceEvents } = JSON.parse(chromeTrace('job-1', traces)) as { traceEvents: object[] };
    expect(traceEvents).toContainEqual({ name: 'thread_name', ph: 'M', pid: 0, tid: 1, args: { name: 'rank 1' } });
    expect(traceEvents).toContainEqual({ name: 'MPI_Barrier', cat: 'mpi', ph: 'X', pid: 0, tid: 0, ts: 20, dur: 200 });
  });

  it.each([
    ['nothing', '', 1],
    ['another rank', head(1, 2), 1],
    ['a rank that cannot be', `${head(0, 2)}{"peer":4096,"messages":1,"bytes":1}\n`, 2],
    ['a negative number of bytes', `${head(0, 2)}{"peer":1,"messages":1,"bytes":-1}\n`, 2],
    ['a name that is no function', `${head(0, 2)}["MPI_Send\\u001b[2J",1,1]\n`, 2],
    ['a line that is cut', `${head(0, 2)}["MPI_Send",1`, 2],
  ])('are refused when a guest wrote %s', (_, text, line) => {
    expect(() => parseTrace(text, 0)).toThrow(`mpi-trace.jsonl of rank 0 is damaged in line ${line}`);
  });
});

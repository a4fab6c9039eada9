/**
 * What the ranks of a traced job did in MPI, from the files that the guest's MPI library left (libs/guest-mpi/src/trace/trace.h): the communication matrix,
 * a profile by function, and a timeline for the viewers of Chrome traces. The files come from guests: whatever does not fit is refused with the rank's
 * name.
 */
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { tableLines } from '../terminal/table.ts';
import { humanBytes, humanSeconds } from '../terminal/units.ts';

/** The name of the file in a rank's working directory. */
export const traceFile = 'mpi-trace.jsonl';
/** A trace of the library's has at most 20,000 calls, some 2 MB. */
export const traceFileLimit = 16 << 20;
const mostRanks = 4096;

export interface RankTrace {
  readonly rank: number;
  readonly size: number;
  /** From the end of MPI_Init to MPI_Finalize. */
  readonly elapsedNs: number;
  /** Calls that were made, and how many of them have no span, since the first filled the memory for them. */
  readonly calls: number;
  readonly dropped: number;
  /** Data sent, by rank of the receiver; nothing for those that were sent none. */
  readonly sent: readonly { readonly peer: number; readonly messages: number; readonly bytes: number }[];
  readonly functions: readonly { readonly call: string; readonly count: number; readonly ns: number; readonly longestNs: number }[];
  /** Nanoseconds since the end of MPI_Init. */
  readonly spans: readonly { readonly call: string; readonly beganNs: number; readonly tookNs: number }[];
}

type Line = Readonly<Record<string, unknown>>;
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isCall = (value: unknown): value is string => typeof value === 'string' && /^\w{1,64}$/.test(value);

/** @throws CliError when the text is no trace of this rank */
export function parseTrace(text: string, rank: number): RankTrace {
  const refuse = (line: number): never => {
    throw new CliError(`${traceFile} of rank ${rank} is damaged in line ${line + 1}`, exitCodes.failed);
  };
  const sent: RankTrace['sent'][number][] = [];
  const functions: RankTrace['functions'][number][] = [];
  const spans: RankTrace['spans'][number][] = [];
  let head: Line | undefined;
  for (const [index, row] of text.trimEnd().split('\n').entries()) {
    const value = parseLine(row);
    if (Array.isArray(value)) {
      const [call, beganNs, tookNs] = value as readonly unknown[];
      if (!isCall(call) || !isNumber(beganNs) || !isNumber(tookNs)) return refuse(index);
      spans.push({ call, beganNs, tookNs });
    } else if (typeof value !== 'object' || value === null) {
      return refuse(index);
    } else if (index === 0) {
      head = value as Line;
    } else if ('peer' in value) {
      const { peer, messages, bytes } = value as Line;
      if (!isNumber(peer) || peer >= mostRanks || !isNumber(messages) || !isNumber(bytes)) return refuse(index);
      sent.push({ peer, messages, bytes });
    } else {
      const { call, count, ns, longest_ns: longestNs } = value as Line;
      if (!isCall(call) || !isNumber(count) || !isNumber(ns) || !isNumber(longestNs)) return refuse(index);
      functions.push({ call, count, ns, longestNs });
    }
  }
  const { verbena_mpi_trace: version, rank: own, size, elapsed_ns: elapsedNs, calls, dropped } = head ?? {};
  const fits =
    version === 1 && own === rank && isNumber(size) && size <= mostRanks && isNumber(elapsedNs) && isNumber(calls) && isNumber(dropped);
  return fits ? { rank, size, elapsedNs, calls, dropped, sent, functions, spans } : refuse(0);
}

function parseLine(row: string): unknown {
  try {
    return JSON.parse(row);
  } catch {
    return undefined;
  }
}

/** matrix[from][to], of bytes or messages; zero for ranks that left no trace. */
export function matrixOf(traces: readonly RankTrace[], what: 'bytes' | 'messages'): number[][] {
  const size = Math.max(0, ...traces.flatMap((trace) => [trace.size, ...trace.sent.map(({ peer }) => peer + 1)]));
  const matrix = Array.from({ length: size }, () => Array<number>(size).fill(0));
  for (const { rank, sent } of traces)
    for (const { peer, ...flow } of sent) {
      const row = matrix[rank];
      if (row) row[peer] = (row[peer] ?? 0) + flow[what];
    }
  return matrix;
}

/** Numbers where they fit the width; else a map with a mark for each pair, or for each block of pairs. */
export function matrixLines(traces: readonly RankTrace[], width: number): string[] {
  const matrix = matrixOf(traces, 'bytes');
  if (matrix.length > width / 3) return mapLines(matrix, width);
  const columns = [
    { title: 'FROM\\TO', value: ({ rank }: { rank: number }) => String(rank), align: 'right' as const },
    ...matrix.map((_, to) => ({
      title: String(to),
      value: ({ rank }: { rank: number }) => (matrix[rank]?.[to] ? humanBytes(matrix[rank][to] ?? 0) : '.'),
      align: 'right' as const,
    })),
  ];
  const lines = tableLines(
    columns,
    matrix.map((_, rank) => ({ rank })),
    width,
  );
  return lines.every((line) => line.length <= width) ? lines : mapLines(matrix, width);
}

const marks = ' .:-=+*#%@';

function mapLines(matrix: readonly (readonly number[])[], width: number): string[] {
  const block = Math.ceil(matrix.length / Math.max(1, width - 7));
  const blocks = Math.ceil(matrix.length / block);
  const sums = Array.from({ length: blocks }, () => Array<number>(blocks).fill(0));
  for (const [from, row] of matrix.entries())
    for (const [to, bytes] of row.entries()) {
      const line = sums[Math.floor(from / block)];
      const at = Math.floor(to / block);
      if (line) line[at] = (line[at] ?? 0) + bytes;
    }
  const most = Math.max(1, ...sums.flat());
  const mark = (bytes: number): string => (bytes === 0 ? ' ' : marks[Math.max(1, Math.ceil((bytes / most) * (marks.length - 1)))]) ?? '@';
  const title = block === 1 ? 'a mark for each pair' : `a mark for each ${block} x ${block} ranks`;
  return [
    `from (down) to (across), ${title}, "@" is ${humanBytes(most)}`,
    ...sums.map((row, index) => `${String(index * block).padStart(5)} ${row.map(mark).join('')}`.trimEnd()),
  ];
}

/** Where the time in MPI went, dearest first: all ranks together, as a share of their time between MPI_Init and MPI_Finalize. */
export function profileLines(traces: readonly RankTrace[], width: number): string[] {
  const all = traces.reduce((sum, { elapsedNs }) => sum + elapsedNs, 0);
  const byCall = new Map<string, { call: string; count: number; ns: number; longestNs: number }>();
  for (const { call, count, ns, longestNs } of traces.flatMap(({ functions }) => functions)) {
    const known = byCall.get(call) ?? { call, count: 0, ns: 0, longestNs: 0 };
    byCall.set(call, { call, count: known.count + count, ns: known.ns + ns, longestNs: Math.max(known.longestNs, longestNs) });
  }
  const rows = [...byCall.values()].sort((a, b) => b.ns - a.ns);
  return tableLines(
    [
      { title: 'CALL', value: ({ call }) => call, least: 10 },
      { title: 'CALLS', value: ({ count }) => String(count), align: 'right' },
      { title: 'TIME', value: ({ ns }) => humanSeconds(ns / 1e9), align: 'right' },
      { title: 'SHARE', value: ({ ns }) => (all === 0 ? '-' : `${((ns / all) * 100).toFixed(1)}%`), align: 'right' },
      { title: 'MEAN US', value: ({ ns, count }) => (count === 0 ? '-' : (ns / count / 1e3).toFixed(2)), align: 'right' },
      { title: 'LONGEST US', value: ({ longestNs }) => (longestNs / 1e3).toFixed(1), align: 'right' },
    ],
    rows,
    width,
  );
}

/** One line for each pair that exchanged data: from, to, messages, bytes. */
export function matrixCsv(traces: readonly RankTrace[]): string {
  const rows = traces.flatMap(({ rank, sent }) => sent.map(({ peer, messages, bytes }) => `${rank},${peer},${messages},${bytes}`));
  return ['from,to,messages,bytes', ...rows, ''].join('\n');
}

/** The calls of every rank as "complete" events of the Trace Event Format, which Perfetto and chrome://tracing show; a thread for each rank. */
export function chromeTrace(jobId: string, traces: readonly RankTrace[]): string {
  const names = [
    { name: 'process_name', ph: 'M', pid: 0, args: { name: jobId } },
    ...traces.map(({ rank }) => ({ name: 'thread_name', ph: 'M', pid: 0, tid: rank, args: { name: `rank ${rank}` } })),
  ];
  const spans = traces.flatMap((trace) =>
    trace.spans.map(({ call, beganNs, tookNs }) => ({
      name: call,
      cat: 'mpi',
      ph: 'X',
      pid: 0,
      tid: trace.rank,
      ts: beganNs / 1e3,
      dur: tookNs / 1e3,
    })),
  );
  return `${JSON.stringify({ displayTimeUnit: 'ms', traceEvents: [...names, ...spans] })}\n`;
}

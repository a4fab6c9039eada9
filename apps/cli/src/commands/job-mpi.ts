/** verbena job mpi: who sent how much to whom, and where the time in MPI went. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { storagev1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import type { Session } from '../endpoint/session.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { filesOf } from '../run/fetch-files.ts';
import {
  chromeTrace,
  matrixCsv,
  matrixLines,
  matrixOf,
  parseTrace,
  profileLines,
  traceFile,
  traceFileLimit,
  type RankTrace,
} from './mpi-trace.ts';

export interface JobMpiOptions {
  readonly csv?: boolean;
  readonly timeline?: string;
}

async function tracesOf(session: Session, jobId: string): Promise<RankTrace[]> {
  const client = session.client(storagev1.OutputService);
  const traces: RankTrace[] = [];
  for (const { rank, path, size } of (await filesOf(session, jobId)).sort((a, b) => a.rank - b.rank)) {
    if (path !== traceFile) continue;
    if (size > traceFileLimit)
      throw new CliError(`${traceFile} of rank ${rank} has ${size} bytes: it is no trace of the MPI library`, exitCodes.failed);
    const pieces: Uint8Array[] = [];
    for await (const { data } of client.getFile({ jobId, rank, path })) pieces.push(data);
    traces.push(parseTrace(Buffer.concat(pieces).toString(), rank));
  }
  return traces;
}

export async function showMpi(context: CommandContext, jobId: string, { csv, timeline }: JobMpiOptions): Promise<void> {
  const traces = await tracesOf(await context.session(), jobId);
  if (traces.length === 0)
    throw new CliError(
      `${jobId} has left no trace of its MPI calls: run it with "verbena run --trace-mpi", and let it come to MPI_Finalize`,
      exitCodes.notFound,
    );
  if (timeline !== undefined) await writeFile(resolve(context.io.cwd, timeline), chromeTrace(jobId, traces));
  if (csv === true) return context.io.out(matrixCsv(traces));
  if (context.json) {
    const ranks = traces.map(({ spans: _, ...rest }) => rest);
    return context.io.out(
      `${JSON.stringify({ jobId, bytes: matrixOf(traces, 'bytes'), messages: matrixOf(traces, 'messages'), ranks }, null, 2)}\n`,
    );
  }
  const width = context.io.columns;
  const missing = (traces[0]?.size ?? 0) - traces.length;
  const dropped = traces.reduce((sum, trace) => sum + trace.dropped, 0);
  const lines = [
    'Data sent, by rank',
    ...matrixLines(traces, width),
    '',
    'Time in MPI, all ranks together',
    ...profileLines(traces, width),
  ];
  if (missing > 0) lines.push('', `${missing} ranks left no trace: they did not come to MPI_Finalize.`);
  if (timeline !== undefined) lines.push('', `The timeline is in ${timeline}: open it in ui.perfetto.dev or chrome://tracing.`);
  if (timeline !== undefined && dropped > 0) lines.push(`It ends early: ${dropped} later calls are only counted.`);
  await context.io.out(`${lines.join('\n')}\n`);
}

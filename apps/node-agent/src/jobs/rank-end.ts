/** What is kept of a rank when its program has ended: its files, its output, and its VM for the next job. */
import type { Domain, ProgramExit } from '@verbena/hypervisor';
import { messageOf } from '../errors.ts';
import type { Vm, VmTable } from '../vms/vm-table.ts';
import { inWords, rankExitReport } from './exit-report.ts';
import type { JobAttempt, JobPorts, Report } from './job-ports.ts';
import type { OutputPump } from './output-pump.ts';
import { defaultBounds, keepFiles, removeEmpty, removeScratch } from './scratch.ts';

export interface EndedRank {
  readonly rank: number;
  readonly vm: Vm & { domain: Domain };
  readonly scratchDir: string;
  readonly inputs: ReadonlyMap<string, string>;
}

export interface RankEndParts {
  readonly job: JobAttempt;
  readonly vms: VmTable;
  readonly ports: JobPorts;
  readonly pump: OutputPump;
}

/** Never rejects: whatever goes wrong becomes part of the report. */
export async function keepRank({ job, vms, ports, pump }: RankEndParts, ended: EndedRank, exit: ProgramExit): Promise<Report> {
  const { jobId, attempt } = job;
  const { rank, scratchDir } = ended;
  let kept = 0;
  const notes: string[] = [];
  // Most programs write no files: there is nothing to look through then, and nothing to remove later.
  const empty = await removeEmpty(scratchDir);
  try {
    if (!empty) {
      const result = await keepFiles({
        dir: scratchDir,
        inputs: ended.inputs,
        bounds: defaultBounds,
        putChunk: (digest, data) => ports.putChunk(digest, data),
        putFile: (file) => ports.putFile({ jobId, attempt, rank, ...file }),
      });
      kept = result.kept;
      if (result.note !== '') notes.push(result.note);
    }
  } catch (error) {
    notes.push(`the files of the working directory could not be kept: ${messageOf(error)}`);
  }
  for (const note of notes) await pump.write(rank, 'stderr', new TextEncoder().encode(`verbena: rank ${String(rank)}: ${note}\n`));
  await pump.drained(rank);
  if (pump.failure !== undefined) notes.push(`output was lost: ${pump.failure}`);
  await vms.release(ended.vm, exit.detail === '' ? inWords(exit) : exit.detail).catch((error: unknown) => notes.push(messageOf(error)));
  if (!empty) await removeScratch(scratchDir).catch((error: unknown) => notes.push(messageOf(error)));
  return { rank, vmId: ended.vm.request.vmId, what: { case: 'exited', value: rankExitReport(exit, kept, notes.join('\n')) } };
}

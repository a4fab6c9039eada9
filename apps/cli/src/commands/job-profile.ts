/** verbena job profile: where the processor time of a job went, as a flame graph or as folded stacks. */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { jobv1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { flameGraph } from '../profile/flame-graph.ts';
import { foldedLines, stacksOf } from '../profile/stacks.ts';

export interface ProfileOptions {
  readonly folded?: boolean;
  readonly busy?: boolean;
  readonly out?: string;
}

const note = [
  'Sampled every 4 ms: what the thread of each rank was doing. Polling counts as the guest; functions within the guest are not told apart.',
  'vmm: the call into the hypervisor. idle: the MPI function that slept. driver-domain, adapter: working for this rank.',
];

export async function profileJob(context: CommandContext, id: string, { folded, busy, out }: ProfileOptions): Promise<void> {
  const { job } = await (await context.session()).client(jobv1.JobService).getJob({ id });
  if (!job) return;
  const stacks = stacksOf(job, { busy: busy === true });
  if (stacks.length === 0)
    throw new CliError(
      `${job.id} has no profile: it is made when a rank ends, and needs some milliseconds of running${busy ? ' that were not sleep' : ''}`,
      exitCodes.failed,
    );
  if (context.json) return context.io.out(`${JSON.stringify({ stacks })}\n`);
  if (folded && out === undefined) return context.io.out(`${foldedLines(stacks).join('\n')}\n`);
  const file = resolve(context.io.cwd, out ?? `${job.id}.svg`);
  const title = `${job.id} ${job.spec?.name ?? ''}: ${job.ranks.length} ranks${busy ? ', without sleep' : ''}`;
  await writeFile(file, folded ? `${foldedLines(stacks).join('\n')}\n` : flameGraph(title, stacks, note));
  await context.line(`The profile is ${file}`);
}

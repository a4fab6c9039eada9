/** How a job that failed is explained: which rank, why, and what to do, in a few lines. */
import { jobv1 } from '@verbena/contracts';
import { enumName } from '../terminal/json.ts';
import { plainLines } from '../terminal/text.ts';

const { EndCause, RankState } = jobv1;

const advice: Partial<Record<jobv1.EndCause, string>> = {
  [EndCause.WALLTIME]: 'Give it more time with --time, for example --time 30m.',
  [EndCause.OUT_OF_MEMORY]: 'Give each VM more memory with --mem, for example --mem 2G.',
  [EndCause.OUTPUT_LIMIT]: 'Raise the limit with --output-limit, or write to a file.',
  [EndCause.NO_FINALIZE]: 'Every rank has to call MPI_Finalize before it ends.',
  [EndCause.UNSATISFIABLE]: 'See "verbena nodes"; ask for less, or start a cluster with more --hosts or --cores.',
  [EndCause.DEADLOCK]: 'Look for a receive without its send, or ranks that disagree on a collective operation.',
  [EndCause.NODE_LOST]: 'Submit it again; "verbena nodes" shows which nodes are left.',
  [EndCause.INTERNAL]: '"verbena events --job <id>" tells what happened.',
};

const mostRanks = 16;
const mostLines = 40;

/** Lines for standard error; empty when the job ended well. The exit code is the last word of the first line. */
export function failureReport(job: jobv1.Job): string[] {
  if (job.state === jobv1.JobState.COMPLETED && job.exitCode === 0) return [];
  const state = enumName(jobv1.JobStateSchema, job.state);
  const [first = '', ...more] = plainLines(job.reason).split('\n');
  const lines = [`verbena: ${job.id} ${state}: ${first || enumName(jobv1.EndCauseSchema, job.endCause)} (exit code ${job.exitCode})`];
  lines.push(...more.map((line) => `  ${line}`));
  lines.push(...rankDetails(job));
  const what = advice[job.endCause];
  if (what) lines.push(`  ${what.replace('<id>', job.id)}`);
  return lines;
}

/**
 * The ranks that have something to say, by the job's end. Where one rank has brought the others down (an abort, a crash) the reason tells of that
 * one, and what others say is only that it is gone.
 */
const speaks: Partial<Record<jobv1.EndCause, (state: jobv1.RankState) => boolean>> = {
  [EndCause.TRAPPED]: (state) => state === RankState.CRASHED,
  [EndCause.OUT_OF_MEMORY]: (state) => state === RankState.CRASHED,
  [EndCause.DEADLOCK]: () => true,
  [EndCause.BOOT_FAILED]: () => true,
  [EndCause.NODE_LOST]: (state) => state !== RankState.KILLED,
  [EndCause.INTERNAL]: (state) => state !== RankState.KILLED,
};

/** What the ranks themselves have to say, unless the reason says it already. */
function rankDetails(job: jobv1.Job): string[] {
  const own = ({ rank, detail }: jobv1.RankPlacement): string =>
    detail.startsWith(`rank ${rank}: `) ? detail.slice(`rank ${rank}: `.length) : detail;
  const speaking = job.ranks.filter((rank) => own(rank) !== '' && !job.reason.includes(own(rank)) && speaks[job.endCause]?.(rank.state));
  const lines = speaking.slice(0, mostRanks).flatMap((placement) => {
    const { rank, nodeName, nodeId } = placement;
    const [first = '', ...more] = plainLines(own(placement)).trimEnd().split('\n');
    return [`  rank ${rank} on ${nodeName || nodeId}: ${first}`, ...more.map((line) => `    ${line}`)];
  });
  if (speaking.length > mostRanks) lines.push(`  ... and ${speaking.length - mostRanks} more ranks: verbena job show ${job.id}`);
  return lines.length > mostLines ? [...lines.slice(0, mostLines), `  ... more: verbena job show ${job.id}`] : lines;
}

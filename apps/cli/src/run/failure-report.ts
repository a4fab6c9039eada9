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

/** Ends in which one rank has brought the others down: what those say is only that it is gone. */
const broughtDown: ReadonlySet<jobv1.EndCause> = new Set([
  EndCause.MPI_ABORT,
  EndCause.EXIT_NONZERO,
  EndCause.CANCELLED,
  EndCause.WALLTIME,
]);

/** What the ranks themselves have to say, unless the reason says it already; those that were ended because of another are silent. */
function rankDetails(job: jobv1.Job): string[] {
  if (broughtDown.has(job.endCause)) return [];
  const mayBeKilled = job.endCause === EndCause.DEADLOCK;
  const speaking = job.ranks.filter(
    ({ detail, state }) => detail !== '' && !job.reason.includes(detail) && (mayBeKilled || state !== RankState.KILLED),
  );
  const lines = speaking.slice(0, mostRanks).flatMap(({ rank, nodeName, nodeId, detail }) => {
    const own = detail.startsWith(`rank ${rank}: `) ? detail.slice(`rank ${rank}: `.length) : detail;
    const [first = '', ...more] = plainLines(own).trimEnd().split('\n');
    return [`  rank ${rank} on ${nodeName || nodeId}: ${first}`, ...more.map((line) => `    ${line}`)];
  });
  if (speaking.length > mostRanks) lines.push(`  ... and ${speaking.length - mostRanks} more ranks: verbena job show ${job.id}`);
  return lines.length > mostLines ? [...lines.slice(0, mostLines), `  ... more: verbena job show ${job.id}`] : lines;
}

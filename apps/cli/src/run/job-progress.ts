/** Where a job is on its way, as the one line that run shows. */
import { jobv1 } from '@verbena/contracts';
import { bar } from '../terminal/progress.ts';
import { plain } from '../terminal/text.ts';
import { humanBytes } from '../terminal/units.ts';

const { JobState, RankState } = jobv1;

/** Undefined when there is nothing to show: the program runs, or has ended. */
export function jobProgress(job: jobv1.Job): string | undefined {
  switch (job.state) {
    case JobState.QUEUED:
      return `queued as ${job.id}${job.reason ? `: ${plain(job.reason)}` : ''}`;
    case JobState.DISTRIBUTING: {
      const { nodesDone = 0, nodesTotal = 0, bytesDone = 0n, bytesTotal = 0n } = job.distribution ?? {};
      const part = bytesTotal > 0n ? Number(bytesDone) / Number(bytesTotal) : nodesDone / Math.max(1, nodesTotal);
      return `distributing ${bar(part)} to ${nodesDone}/${nodesTotal} nodes, ${humanBytes(bytesDone)}`;
    }
    case JobState.BOOTING: {
      const up = job.ranks.filter(({ state }) => state >= RankState.RUNNING).length;
      return `booting ${bar(up / Math.max(1, job.ranks.length))} ${job.spec?.processes ?? job.ranks.length} VMs`;
    }
    default:
      return undefined;
  }
}

/** What becomes of a job whose node is lost, as options of the commands that start jobs. */
import { jobv1 } from '@verbena/contracts';
import type { Command } from 'commander';
import { parseCount } from '../terminal/units.ts';

export interface RequeueOptions {
  /** Whether the job runs again. */
  readonly requeue?: boolean;
  /** How often at most; says that it runs again, too. */
  readonly maxRequeues?: number;
}

export function addRequeueOptions(command: Command): Command {
  return command
    .option('--requeue', 'run the job again when a node is lost on which it runs, from its last checkpoint')
    .option('--max-requeues <times>', 'the same, at most so often (3 when only --requeue is given)', parseCount('--max-requeues', 1, 1000));
}

/** Of the job's specification; nothing when none of the options is given. */
export function requeuePolicy({ requeue, maxRequeues }: RequeueOptions): Partial<Pick<jobv1.JobSpec, 'onNodeLoss' | 'maxRequeues'>> {
  if (requeue !== true && maxRequeues === undefined) return {};
  return { onNodeLoss: jobv1.NodeLossPolicy.REQUEUE, maxRequeues: maxRequeues ?? 0 };
}

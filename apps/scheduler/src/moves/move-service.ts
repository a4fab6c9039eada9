import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import type { migrationv1 } from '@verbena/contracts';
import type { KnownJob } from '@verbena/domain-job';
import { MoveRefused, type MoveProblem, type Moves } from './moves.ts';

const codes: Readonly<Record<MoveProblem, Code>> = {
  'unknown-vm': Code.NotFound,
  'not-running': Code.FailedPrecondition,
  'no-room': Code.ResourceExhausted,
};

export function moveService(moves: Moves): ServiceImpl<typeof migrationv1.MoveService> {
  return {
    async reserveMove({ migrationId, vmId, targetNodeId }) {
      const { job, targetEpoch, targetName, ...target } = await edge(moves.reserve(migrationId, vmId, targetNodeId));
      const { jobId, starts: attempt, pkey } = job;
      return {
        targetNodeId: target.targetNodeId,
        targetNodeName: targetName,
        targetEpoch: BigInt(targetEpoch),
        jobId,
        attempt,
        ranks: ranksOf(job),
        pkey,
        fabric: moves.fabricOf(job, target.targetNodeId),
      };
    },
    releaseMove({ migrationId }) {
      moves.release(migrationId);
      return {};
    },
    async settleMove({ migrationId, jobId }) {
      const job = await edge(moves.settle(migrationId, jobId));
      return { ranks: ranksOf(job), fabric: moves.fabricOf(job) };
    },
  };
}

/** By rank. */
function ranksOf({ assignments }: KnownJob): { rank: number; vmId: string; nodeId: string }[] {
  return assignments.map(({ rank, vmId, nodeId }) => ({ rank, vmId, nodeId })).sort((a, b) => a.rank - b.rank);
}

async function edge<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MoveRefused) throw new ConnectError(error.message, codes[error.problem], undefined, undefined, error);
    throw error;
  }
}

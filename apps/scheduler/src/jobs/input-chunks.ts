/**
 * A job's input files must be of chunks that its submitter's tenant has stored. A digest alone gives no right: else a job could read what somebody
 * else has stored, by whoever has learnt its name.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import { storagev1 } from '@verbena/contracts';
import type { JobSpec } from '@verbena/domain-job';
import type { Bus } from '@verbena/messaging';

const mostAtOnce = 10_000;
const callMs = 10_000;

/** Asks storage on behalf of whoever submits. @throws ConnectError FAILED_PRECONDITION that names the file; UNAVAILABLE when storage is away */
export async function checkInputChunks(bus: Bus, { inputFiles }: Pick<JobSpec, 'inputFiles'>): Promise<void> {
  const digests = [...new Set(inputFiles.flatMap(({ chunks }) => chunks))];
  for (let at = 0; at < digests.length; at += mostAtOnce) {
    const request = { digests: digests.slice(at, at + mostAtOnce) };
    const { digests: lacking } = await bus.client(storagev1.ChunkService).missingChunks(request, { timeoutMs: callMs });
    if (lacking.length === 0) continue;
    const absent = new Set(lacking);
    const file = inputFiles.find(({ chunks }) => chunks.some((digest) => absent.has(digest)));
    throw new ConnectError(
      `the input file ${file?.path ?? ''} has ${lacking.length} chunks that you have not stored: upload them first`,
      Code.FailedPrecondition,
    );
  }
}

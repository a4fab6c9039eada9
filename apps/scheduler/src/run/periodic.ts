/** Saves a job every now and then, for as long as it runs and wants that. */
import { Code, ConnectError } from '@connectrpc/connect';
import { migrationv1 } from '@verbena/contracts';
import { messageOf } from './failure.ts';
import type { RunPorts } from './ports.ts';

const callMs = 10_000;

/** Resolves when the signal aborts. Never rejects: a checkpoint that fails costs the job nothing, and the next one may succeed. */
export async function savePeriodically({ bus, clock, log }: RunPorts, jobId: string, everyMs: number, over: AbortSignal): Promise<void> {
  const reason = `every ${String(everyMs / 1000)} s`;
  while (!over.aborted) {
    await clock.sleep(everyMs, over).catch(() => undefined);
    if (over.aborted) return;
    try {
      await bus.client(migrationv1.CheckpointService).checkpointJob({ jobId, reason }, { timeoutMs: callMs, signal: over });
    } catch (error) {
      // The one before takes longer than the interval, or the job ends.
      const expected = ConnectError.from(error).code === Code.FailedPrecondition;
      if (!over.aborted && !expected) log.warn({ job: jobId, error: messageOf(error) }, 'a job could not be saved');
    }
  }
}

/** The jobs of the cluster: their aggregates, and with each change who caused it and within which trace. */
import { hasEnded, jobDecider, type JobCommand, type JobEvent, type JobRefusal, type JobState, type KnownJob } from '@verbena/domain-job';
import type { EventStore } from '@verbena/event-sourcing';
import { jobs as jobModel } from '@verbena/history';
import { callContext, currentTraceparent } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import { Aggregates, type Executed } from '../aggregates.ts';

type Body<C> = C extends { readonly at: number } ? Omit<C, 'at'> : never;
export type JobRequest = Body<JobCommand>;
export type JobResult = Executed<JobEvent, JobState, JobRefusal>;

export interface Jobs {
  readonly log: Aggregates<JobCommand, JobEvent, JobState, JobRefusal>;
  known(id: string): KnownJob | undefined;
  /** Those that have not ended. */
  live(): readonly KnownJob[];
  /** Decides and appends, on behalf of whoever the call context names. */
  execute(id: string, commands: readonly JobRequest[], commandId?: string): Promise<JobResult>;
}

export async function openJobs(store: EventStore, clock: Clock): Promise<Jobs> {
  const log = await Aggregates.open(store, jobDecider, 'job-', jobModel);
  const known = (id: string): KnownJob | undefined => {
    const state = log.get(id);
    return state.status === 'none' ? undefined : state;
  };
  return {
    log,
    known,
    live: () =>
      log
        .ids()
        .flatMap((id) => known(id) ?? [])
        .filter((job) => !hasEnded(job)),
    execute(id, commands, commandId) {
      const at = clock.now().getTime();
      const { actor, tenant } = callContext();
      const job = known(id);
      const traceparent = currentTraceparent() ?? job?.traceparent ?? '';
      const metadata = { actor, tenant: job?.tenant ?? tenant, correlationId: id, ...(traceparent !== '' && { traceparent }) };
      const timed = commands.map((command) => ({ ...command, at }) as JobCommand);
      return log.execute(id, timed, { metadata, ...(commandId !== undefined && { commandId }) });
    },
  };
}

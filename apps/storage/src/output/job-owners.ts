import type { EventStore } from '@verbena/event-sourcing';
import { callContext, seesEverything, seesTenant } from '@verbena/messaging';
import { StorageError } from '../errors.ts';

const maximumRemembered = 10_000;

/** Whose jobs are, by the first event of each; what a job has left behind is its tenant's alone. */
export class JobOwners {
  readonly #store: EventStore;
  readonly #remembered = new Map<string, string>();

  constructor(store: EventStore) {
    this.#store = store;
  }

  /** Undefined when there is no such job. A job never changes hands, so an answer is good for ever. */
  async tenantOf(job: string): Promise<string | undefined> {
    const known = this.#remembered.get(job);
    if (known !== undefined || !job.startsWith('job-') || job.endsWith('*')) return known;
    const [first] = await this.#store.readAll({ filter: { stream: job }, limit: 1 });
    if (first === undefined) return undefined;
    this.#remembered.set(job, first.metadata.tenant);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= maximumRemembered) break;
      this.#remembered.delete(oldest);
    }
    return first.metadata.tenant;
  }

  /** Lets the caller at what a job has left behind. @throws {StorageError} not-found, for another tenant's job as for one that does not exist */
  async admit(job: string): Promise<void> {
    const caller = callContext();
    if (seesEverything(caller)) return;
    const tenant = await this.tenantOf(job);
    if (tenant === undefined || !seesTenant(caller, tenant))
      throw new StorageError('not-found', `there is no job ${JSON.stringify(job.slice(0, 80))}`);
  }
}

/** Distributions that an image manager left under way when it died: nobody carries them out any more, so they are ended when the next one starts. */
import { distributionDecider, type DistributionEvent } from '@verbena/domain-image';
import { handle, type EventStore } from '@verbena/event-sourcing';
import type { Clock } from '@verbena/service-kit';

const pageSize = 1_000;
const reason = 'the image manager that carried it out is gone';
const ends = ['DistributionCompleted', 'DistributionFailed'] as const satisfies readonly DistributionEvent['type'][];

/** @returns the distributions that were ended */
export async function endLeftOver(store: EventStore, clock: Clock): Promise<readonly string[]> {
  const handler = handle(store, distributionDecider, (id: string) => id);
  const open = await openDistributions(store);
  for (const { id, tenant, correlationId } of open) {
    const metadata = { actor: 'image-manager', tenant, ...(correlationId !== undefined && { correlationId }) };
    await handler.execute(id, { type: 'FailDistribution', at: clock.now().getTime(), data: { reason } }, { metadata });
  }
  return open.map(({ id }) => id);
}

interface Open {
  readonly id: string;
  readonly tenant: string;
  readonly correlationId: string | undefined;
}

async function openDistributions(store: EventStore): Promise<readonly Open[]> {
  const open = new Map<string, Open>();
  const filter = { stream: 'dist-*', types: ['DistributionPlanned', ...ends] };
  for (let after: bigint | undefined; ;) {
    const page = await store.readAll({ filter, limit: pageSize, ...(after !== undefined && { after }) });
    for (const { stream, event, metadata } of page) {
      if (event.type !== 'DistributionPlanned') open.delete(stream);
      else open.set(stream, { id: stream, tenant: metadata.tenant, correlationId: metadata.correlationId });
    }
    after = page.at(-1)?.position;
    if (page.length < pageSize || after === undefined) return [...open.values()];
  }
}

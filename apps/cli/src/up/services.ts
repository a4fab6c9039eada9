/** The services of the control plane, in the order in which they need each other, and the gateway before them. */
import type { EventDatabase } from '@verbena/event-sourcing';
import { authModeFor, startGateway, type Gateway } from '@verbena/frontend-gateway';
import { startImageManager } from '@verbena/image-manager';
import { startMigrationController } from '@verbena/migration-controller';
import { startScheduler } from '@verbena/scheduler';
import { startStorage } from '@verbena/storage';
import { version } from '../version.ts';
import type { Composition } from './cluster.ts';
import { adminSecret } from './door.ts';

export async function startServices({ options, contextFor, add }: Composition, store: EventDatabase): Promise<void> {
  options.onStep?.('services');
  const { tracedStore } = await import('@verbena/event-store');
  const parts = async (name: string) => {
    const context = await contextFor(name);
    return [context, { store: tracedStore(store, context.tracer) }] as const;
  };
  add(await startStorage(...(await parts('storage'))));
  add(await startImageManager(...(await parts('image-manager'))));
  add(await startMigrationController(...(await parts('migration-controller'))));
  add(await startScheduler(...(await parts('scheduler'))));
}

export async function startGatewayService({ options, contextFor, add, services, startedAt }: Composition): Promise<Gateway> {
  const facts = { version, startedAt, dataDirectory: options.dataDir, services: () => services };
  const mode = authModeFor(options.listen?.host, options.door?.auth);
  const gateway = await startGateway(await contextFor('gateway', 'frontend-gateway'), {
    facts,
    ...(options.listen ? { listen: options.listen } : {}),
    ...(options.door?.tls ? { tls: options.door.tls } : {}),
    auth: { mode, ...(mode === 'tokens' && { bootstrapSecret: (await adminSecret(options.dataDir)).secret }) },
  });
  add(gateway);
  return gateway;
}

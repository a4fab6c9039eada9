/** The services of the control plane, in the order in which they need each other, and the gateway before them. */
import type { EventStore } from '@verbena/event-sourcing';
import { authModeFor, startGateway, type Gateway } from '@verbena/frontend-gateway';
import { startImageManager } from '@verbena/image-manager';

import { startMigrationController } from '@verbena/migration-controller';
import { startScheduler } from '@verbena/scheduler';
import { startStorage } from '@verbena/storage';
import { version } from '../version.ts';
import type { Composition } from './cluster.ts';
import { adminSecret } from './door.ts';

export async function startServices({ options, contextFor, add }: Composition, store: EventStore): Promise<void> {
  options.onStep?.('services');
  add(await startStorage(await contextFor('storage'), { store }));
  add(await startImageManager(await contextFor('image-manager'), { store }));

  add(await startMigrationController(await contextFor('migration-controller'), { store }));
  add(await startScheduler(await contextFor('scheduler'), { store }));
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

/** The parts of the system as the gateway sees them over the bus, for a gateway that runs in a process of its own: a part is ready when it answers. */
import { ConnectError, type CallOptions } from '@connectrpc/connect';
import { eventv1, imagev1, migrationv1, nodev1 } from '@verbena/contracts';
import { systemActor } from '@verbena/domain-identity';
import { withCallContext, type Bus } from '@verbena/messaging';
import type { RunningService } from '@verbena/service-kit';

const askMs = 2_000;

/** A cheap question to each part. */
export function partsOnBus(bus: Bus): readonly RunningService[] {
  const questions: Readonly<Record<string, (options: CallOptions) => Promise<unknown>>> = {
    storage: (options) => bus.client(eventv1.EventService).listEvents({ pageSize: 1, descending: true }, options),
    'image-manager': (options) => bus.client(imagev1.ImageService).listImages({ pageSize: 1 }, options),
    'migration-controller': (options) => bus.client(migrationv1.MigrationService).listMigrations({ pageSize: 1 }, options),
    scheduler: (options) => bus.client(nodev1.NodeService).listNodes({ pageSize: 1 }, options),
  };
  return Object.entries(questions).map(([name, question]) => ({
    name,
    notReady: () =>
      withCallContext({ actor: systemActor, tenant: 'default' }, () => question({ timeoutMs: askMs })).then(
        () => undefined,
        (error: unknown) => ConnectError.from(error).rawMessage,
      ),
    stop: () => Promise.resolve(),
  }));
}

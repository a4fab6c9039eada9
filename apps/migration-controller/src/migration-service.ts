import { createHash } from 'node:crypto';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { migrationv1, vmv1 } from '@verbena/contracts';
import { migrationEnded, obstacles, type MigrationState } from '@verbena/domain-migration';
import { suffix } from '@verbena/ids';
import { callContext } from '@verbena/messaging';
import { pageOf } from '@verbena/service-kit';
import { findTarget, findVm, migrating, visibleVms } from './cluster-facts.ts';
import { migrationView, modeOf, transferOf } from './migration-view.ts';
import { changeOf } from './run/change-of.ts';
import { messageOf, type MigrationPorts } from './run/work.ts';

export interface MigrationServiceParts extends MigrationPorts {
  readonly random: (bytes: number) => Uint8Array;
  /** Starts the run of a migration that is in the log. */
  readonly start: (id: string) => void;
}

export function migrationService(parts: MigrationServiceParts): ServiceImpl<typeof migrationv1.MigrationService> {
  const { bus, migrations, waits } = parts;
  const view = (id: string, state: MigrationState): migrationv1.Migration => migrationView(id, state, waits.get(id));
  /** @throws {ConnectError} NOT_FOUND, also when the VM is another tenant's */
  const found = async (id: string): Promise<MigrationState> => {
    const none = new ConnectError(`there is no migration ${JSON.stringify(id)}`, Code.NotFound);
    if (!id.startsWith('mig-')) throw none;
    const state = await migrations.find(id);
    if (state.status === 'none') throw none;
    await findVm(bus, state.vmId).catch((error: unknown) => {
      throw ConnectError.from(error).code === Code.NotFound ? none : error;
    });
    return state;
  };
  return {
    async checkMigration({ vmId, targetNodeId }) {
      const vm = await findVm(bus, vmId);
      const against = obstacles(migrating(vm), targetNodeId, await findTarget(bus, targetNodeId));
      return { possible: against.length === 0, obstacles: [...against] };
    },
    async listMigrations({ pageSize, pageToken }) {
      const seen = await visibleVms(bus);
      const newestFirst = migrations
        .all()
        .toReversed()
        .filter(([, state]) => state.status !== 'none' && seen(state.vmId));
      const { items, nextPageToken } = pageOf(newestFirst, ([id]) => id, pageSize, pageToken);
      return { migrations: items.map(([id, state]) => view(id, state)), nextPageToken };
    },
    async migrateVm(request) {
      const id = await migrate(parts, request);
      return { migration: view(id, await migrations.find(id)) };
    },
    getMigration: async ({ id }) => ({ migration: view(id, await found(id)) }),
    async *watchMigration({ id }, { signal }) {
      const first = await found(id);
      for (;;) {
        const changed = changeOf(migrations, id, signal);
        const state = migrations.get(id) ?? first;
        yield { migration: view(id, state) };
        if (migrationEnded(state)) return;
        await changed;
      }
    },
    async cancelMigration({ id, reason }) {
      await found(id);
      const why = reason === '' ? `cancelled by ${callContext().actor}` : reason;
      const result = await migrations.execute(id, { type: 'UndoMigration', data: { cause: 'cancelled', reason: why } });
      if (!result.ok) throw new ConnectError(result.detail, Code.FailedPrecondition);
      return { migration: view(id, result.state) };
    },
  };
}

const callMs = 10_000;

async function migrate(parts: MigrationServiceParts, request: migrationv1.MigrateVmRequest): Promise<string> {
  const { bus, migrations, random, start } = parts;
  const commandId = commandIdOf(request.idempotencyKey);
  const earlier = commandId === undefined ? undefined : await migrations.byCommand(commandId);
  if (earlier !== undefined) return earlier;
  try {
    transferOf(request.transfer);
  } catch (error) {
    throw new ConnectError(messageOf(error), Code.InvalidArgument);
  }
  const vm = await findVm(bus, request.vmId);
  const refuse = (why: string): never => {
    throw new ConnectError(why, Code.FailedPrecondition);
  };
  if (vm.state !== vmv1.VmState.RUNNING) refuse(`VM ${vm.id} runs no job: there is nothing to move, a VM boots faster on another node`);
  const moving = migrations.live().find(([, state]) => state.vmId === vm.id);
  if (moving !== undefined) refuse(`VM ${vm.id} is being moved already, by ${moving[0]}`);
  if (request.targetNodeId !== '') {
    const against = obstacles(
      { ...migrating(vm), bypassAdapter: false },
      request.targetNodeId,
      await findTarget(bus, request.targetNodeId),
    );
    if (against.length > 0) refuse(against.join('; '));
  }
  const id = `mig-${suffix(random)}`;
  const moves = bus.client(migrationv1.MoveService);
  const place = await moves.reserveMove({ migrationId: id, vmId: vm.id, targetNodeId: request.targetNodeId }, { timeoutMs: callMs });
  try {
    const result = await migrations.execute(id, requested(request, vm, place), commandId);
    if (!result.ok) throw new ConnectError(result.detail, Code.Aborted);
    if (result.repeated) return (await migrations.byCommand(commandId ?? '')) ?? id;
  } catch (error) {
    await moves.releaseMove({ migrationId: id }, { timeoutMs: callMs }).catch(() => undefined);
    throw error;
  }
  start(id);
  return id;
}

function requested(request: migrationv1.MigrateVmRequest, vm: vmv1.Vm, place: migrationv1.ReserveMoveResponse) {
  const targetEpoch = Number(place.targetEpoch);
  const room = { id: place.targetNodeId, closed: undefined, freeCores: vm.vcpus, freeMemoryBytes: Number(vm.memoryBytes) };
  return {
    type: 'RequestMigration',
    data: {
      vm: migrating(vm),
      targetNodeId: place.targetNodeId,
      // The scheduler has reserved what the VM needs.
      target: room,
      guestAssisted: {
        jobId: vm.jobId,
        rank: vm.rank,
        attempt: place.attempt,
        tenant: vm.tenant,
        mode: modeOf(request.mode),
        limitBytesPerSecond: Number(request.limitBytesPerSecond),
        transfer: transferOf(request.transfer),
        fence: Math.max(Number(vm.epoch), targetEpoch) + 1,
        targetEpoch,
        vcpus: vm.vcpus,
        memoryBytes: Number(vm.memoryBytes),
        imageDigest: vm.imageDigest,
        reason: request.reason === '' ? `asked for by ${callContext().actor}` : request.reason,
      },
    },
  } as const;
}

function commandIdOf(key: string): string | undefined {
  if (key === '') return undefined;
  const { actor, tenant } = callContext();
  const digest = createHash('sha256')
    .update(JSON.stringify([tenant, actor, key]))
    .digest('hex');
  return `migrate/${digest}`;
}

/** What the steps of a migration do. */
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { imagev1, migrationv1, vmv1 } from '@verbena/contracts';
import { usualTransfer, type Copied } from '@verbena/domain-migration';
import { transferOnWire } from '../migration-view.ts';
import type { MigrationRequest } from '../migrations.ts';
import { agentOf, messageOf, unlessGone, type Agent, type Work } from './work.ts';

const distributeMs = 300_000;
const copyMs = 24 * 3_600_000;
const discardMs = 5_000;
const askAgainMs = 250;

export async function reserve(work: Work, signal: AbortSignal): Promise<void> {
  const { vmId, targetNodeId } = work.migration();
  const options = { timeoutMs: work.ports.config.callMs, signal };
  work.place = await work.ports.bus.client(migrationv1.MoveService).reserveMove({ migrationId: work.id, vmId, targetNodeId }, options);
  if (Number(work.place.targetEpoch) !== work.migration().targetEpoch)
    throw new ConnectError(`node ${targetNodeId} has come anew since the migration began`, Code.FailedPrecondition);
}

export function unreserve(work: Work): Promise<void> {
  const release = (): Promise<unknown> => {
    const moves = work.ports.bus.client(migrationv1.MoveService);
    return moves.releaseMove({ migrationId: work.id }, { timeoutMs: work.ports.config.callMs });
  };
  return insist(work, 'the scheduler', release);
}

/** Waits for its place among the migrations at a time. */
export async function admit(work: Work, signal: AbortSignal): Promise<void> {
  const { admission, waits, migrations } = work.ports;
  const { sourceNodeId, targetNodeId } = work.migration();
  const nodeIds = [sourceNodeId, targetNodeId];
  const obstacle = work.depart === undefined ? admission.obstacle(nodeIds) : undefined;
  if (obstacle !== undefined) {
    waits.set(work.id, obstacle);
    migrations.touch(work.id);
  }
  work.depart ??= await admission.enter(nodeIds, signal);
  waits.delete(work.id);
}

/** Brings the image to the target, and has it take room for the VM. */
export async function prepare(work: Work, signal: AbortSignal): Promise<void> {
  const { id: migrationId, ports } = work;
  const { imageDigest, targetNodeId, jobId, vmId, sourceNodeId, memoryBytes, vcpus, tenant, rank, attempt, fence } = work.migration();
  const request = { imageDigest, nodeIds: [targetNodeId], jobId };
  for await (const _ of ports.bus.client(imagev1.ImageService).distribute(request, { signal, timeoutMs: distributeMs }));
  work.door = await agentOf(work, targetNodeId).prepareIncoming(
    {
      migrationId,
      fence: BigInt(fence),
      vmId,
      sourceNodeId,
      imageDigest,
      memoryBytes: BigInt(memoryBytes),
      vcpus,
      tenant,
      jobId,
      rank,
      attempt,
      fabric: placeOf(work).fabric,
    },
    { timeoutMs: ports.config.callMs, signal },
  );
}

/** Rounds of pre-copy while the guest runs; each is written down when it is done. */
export async function copy(work: Work, signal: AbortSignal): Promise<void> {
  const { ports, id } = work;
  const { limitBytesPerSecond, sourceNodeId } = work.migration();
  const request = {
    ...sending(work),
    limitBytesPerSecond: BigInt(limitBytesPerSecond),
    downtime: durationFromMs(ports.config.downtimeMs),
    mostRounds: ports.config.mostRounds,
  };
  for await (const { done } of agentOf(work, sourceNodeId).precopy(request, { timeoutMs: copyMs, signal })) {
    const round = work.migration().rounds.length + 1;
    await ports.migrations.execute(id, { type: 'RecordRound', data: { ...copied(done), round, left: Number(done?.left ?? 0n) } });
  }
}

export async function takeTurn(work: Work, signal: AbortSignal): Promise<void> {
  if (work.leave !== undefined) return;
  work.leave = await work.ports.turns.enter(work.migration().jobId, signal);
  const { status } = work.migration();
  // Other VMs of the job may have moved while this one waited: every rank must be asked to stand still, where it is now.
  if (status === 'copying' || status === 'suspended') await reserve(work, signal);
}

/** Has every rank of the job stand at a safepoint with quiet channels. */
export async function quiesce(work: Work, signal: AbortSignal): Promise<void> {
  const { ports, id } = work;
  const { jobId, attempt, vmId, fence, quiescingAt } = work.migration();
  if (quiescingAt === undefined) await ports.migrations.execute(id, { type: 'BeginQuiesce', data: {} });
  const { quiesceMs, callMs } = ports.config;
  const epoch = (await ports.migrations.quiesceEpoch(id)) ?? 0;
  const { fabric } = placeOf(work);
  const request = { migrationId: id, jobId, attempt, vmId, fence: BigInt(fence), epoch, timeout: durationFromMs(quiesceMs), fabric };
  await onAll(work, await nodesOf(work), (agent) => agent.quiesce(request, { timeoutMs: quiesceMs + callMs, signal }));
}

export async function suspend(work: Work, signal: AbortSignal): Promise<readonly MigrationRequest[]> {
  const source = agentOf(work, work.migration().sourceNodeId);
  const { sent } = await source.suspend(sending(work), { timeoutMs: copyMs, signal });
  return [{ type: 'RecordSuspension', data: copied(sent) }];
}

export async function restore(work: Work, signal: AbortSignal): Promise<void> {
  const { fence, vmId, targetNodeId } = work.migration();
  const { pkey, fabric } = placeOf(work);
  const epoch = (await work.ports.migrations.quiesceEpoch(work.id)) ?? 0;
  const request = { migrationId: work.id, fence: BigInt(fence), vmId, ranks: moved(work), pkey, fabric, epoch };
  await agentOf(work, targetNodeId).restore(request, { timeoutMs: work.ports.config.callMs, signal });
}

/** The scheduler knows by now, and tells where everyone is. */
export async function settle(work: Work, signal: AbortSignal): Promise<void> {
  const { jobId } = work.migration();
  const options = { timeoutMs: work.ports.config.callMs, signal };
  const settled = await unlessGone(work, () =>
    work.ports.bus.client(migrationv1.MoveService).settleMove({ migrationId: work.id, jobId }, options),
  );
  work.settled = settled;
}

export async function releaseMoved(work: Work, signal: AbortSignal): Promise<void> {
  const { jobId, attempt, sourceNodeId } = work.migration();
  const { ranks = [], fabric = [] } = work.settled ?? {};
  const request = { migrationId: work.id, jobId, attempt, how: migrationv1.ReleaseHow.NEW_ADAPTER, ranks, fabric };
  const nodes = [...new Set([...ranks.map(({ nodeId }) => nodeId), sourceNodeId])];
  await unlessGone(work, () => onAll(work, nodes, (agent) => agent.release(request, { timeoutMs: work.ports.config.callMs, signal })));
  work.releasedAt = work.ports.clock.now().getTime();
}

export async function releaseSame(work: Work): Promise<void> {
  const { jobId, attempt } = work.migration();
  const request = { migrationId: work.id, jobId, attempt, how: migrationv1.ReleaseHow.SAME };
  await Promise.all(
    (await nodesOf(work)).map((nodeId) =>
      insist(work, nodeId, () => agentOf(work, nodeId).release(request, { timeoutMs: work.ports.config.callMs })),
    ),
  );
}

export function resume(work: Work): Promise<void> {
  const { sourceNodeId, vmId } = work.migration();
  const request = { migrationId: work.id, vmId };
  return insist(work, sourceNodeId, () => agentOf(work, sourceNodeId).resume(request, { timeoutMs: work.ports.config.callMs }));
}

export function abortIncoming(work: Work): Promise<void> {
  const { targetNodeId, vmId } = work.migration();
  const request = { migrationId: work.id, vmId };
  return insist(work, targetNodeId, () => agentOf(work, targetNodeId).abortIncoming(request, { timeoutMs: work.ports.config.callMs }));
}

/** A source that does not answer asks the log what became of the VM, and discards it then. */
export async function discard(work: Work): Promise<void> {
  const { sourceNodeId, vmId } = work.migration();
  try {
    await agentOf(work, sourceNodeId).discard({ migrationId: work.id, vmId }, { timeoutMs: discardMs });
  } catch (error) {
    work.ports.log.warn(
      { migration: work.id, node: sourceNodeId, error: messageOf(error) },
      'the source has not discarded a VM that has moved',
    );
  }
}

export function complete({ releasedAt }: Work): Promise<readonly MigrationRequest[]> {
  return Promise.resolve([{ type: 'CompleteMigration', data: releasedAt === undefined ? {} : { releasedAt } }]);
}

/** Repeats what takes something back until it is answered, or long enough: whoever is not reached asks the log. */
async function insist(work: Work, whom: string, call: () => Promise<unknown>): Promise<void> {
  const { clock, config, log, stopping } = work.ports;
  const end = clock.monotonic() + config.undoMs;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      stopping.throwIfAborted();
      if (clock.monotonic() + askAgainMs > end) {
        log.warn({ migration: work.id, whom, error: messageOf(error) }, 'a part of a migration could not be taken back');
        return;
      }
      await clock.sleep(askAgainMs, stopping);
    }
  }
}

/** All are asked, and all have answered when the first error is thrown. */
async function onAll(work: Work, nodeIds: readonly string[], call: (agent: Agent) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(nodeIds.map((nodeId) => call(agentOf(work, nodeId))));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

function placeOf({ place, id }: Work): migrationv1.ReserveMoveResponse {
  if (place === undefined) throw new Error(`nothing is reserved for migration ${id}`);
  return place;
}

/** The nodes where ranks of the job are before the move; the map of VMs knows them when this life of the controller has reserved nothing. */
async function nodesOf(work: Work): Promise<readonly string[]> {
  const { sourceNodeId, jobId } = work.migration();
  const places = work.place?.ranks ?? (await vmsOf(work, jobId));
  return [...new Set([sourceNodeId, ...places.map(({ nodeId }) => nodeId)])];
}

async function vmsOf({ ports }: Work, jobId: string): Promise<readonly { nodeId: string }[]> {
  const found: { nodeId: string }[] = [];
  let pageToken = '';
  do {
    const page = await ports.bus.client(vmv1.VmService).listVms({ pageSize: 1_000, pageToken }, { timeoutMs: ports.config.callMs });
    found.push(...page.vms.filter((vm) => vm.jobId === jobId));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return found;
}

/** Where the ranks will be. */
function moved(work: Work): { rank: number; vmId: string; nodeId: string }[] {
  const { vmId, targetNodeId } = work.migration();
  return placeOf(work).ranks.map((place) => ({
    rank: place.rank,
    vmId: place.vmId,
    nodeId: place.vmId === vmId ? targetNodeId : place.nodeId,
  }));
}

function sending(work: Work) {
  const { fence, vmId, targetNodeId, transfer = usualTransfer } = work.migration();
  const { door } = work;
  if (door === undefined) throw new Error(`the target of migration ${work.id} is not prepared`);
  const { fabric } = placeOf(work);
  const where = { targetNodeId, endpoint: door.endpoint, secret: door.secret, fabric };
  return { migrationId: work.id, fence: BigInt(fence), vmId, transfer: transferOnWire(transfer), ...where };
}

function copied(round: migrationv1.MigrationRound | undefined): Copied {
  return {
    pages: Number(round?.pages ?? 0n),
    bytes: Number(round?.bytes ?? 0n),
    ms: round?.duration === undefined ? 0 : durationMs(round.duration),
  };
}

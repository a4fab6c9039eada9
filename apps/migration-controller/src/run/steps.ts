/** What the steps of a migration do. */
import { durationFromMs, durationMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { imagev1, migrationv1, vmv1 } from '@verbena/contracts';
import { usualTransfer, type Copied } from '@verbena/domain-migration';
import { transferOnWire } from '../migration-view.ts';
import { quiesceEpochAt } from '../migrations.ts';
import { agentOf, messageOf, type Agent, type Work } from './work.ts';

const distributeMs = 300_000;
const copyMs = 24 * 3_600_000;
const askAgainMs = 250;

export async function reserve(work: Work, signal: AbortSignal): Promise<void> {
  const { vmId, targetNodeId } = work.migration();
  const options = { timeoutMs: work.ports.config.callMs, signal };
  work.place = await work.ports.bus.client(migrationv1.MoveService).reserveMove({ migrationId: work.id, vmId, targetNodeId }, options);
  work.turnsSeen = work.ports.turns.given;
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
  const ask = () =>
    agentOf(work, targetNodeId).prepareIncoming(
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
  try {
    work.door = await ask();
  } catch (error) {
    if (ConnectError.from(error).code !== Code.FailedPrecondition) throw error;
    // Most likely it lacks the image, which it is asked about only then: the target of a VM that comes back has it.
    for await (const _ of ports.bus.client(imagev1.ImageService).distribute(request, { signal, timeoutMs: distributeMs }));
    work.door = await ask();
  }
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
  // The source copies on while a round is written down.
  let written: Promise<unknown> = Promise.resolve();
  let failed: { readonly error: unknown } | undefined;
  let round = work.migration().rounds.length;
  for await (const { done } of agentOf(work, sourceNodeId).precopy(request, { timeoutMs: copyMs, signal })) {
    if (failed !== undefined) break;
    const data = { ...copied(done), round: ++round, left: Number(done?.left ?? 0n) };
    written = written
      .then(() => ports.migrations.execute(id, { type: 'RecordRound', data }))
      .catch((error: unknown) => (failed = { error }));
  }
  await written;
  if (failed !== undefined) throw failed.error;
}

export async function takeTurn(work: Work, signal: AbortSignal): Promise<void> {
  if (work.leave !== undefined) return;
  work.leave = await work.ports.turns.enter(work.migration().jobId, signal);
  const { status } = work.migration();
  // Others of the job may have moved while this one waited, if anybody had a turn: every rank must be asked to stand still, where it is now.
  const alone = work.turnsSeen !== undefined && work.ports.turns.given === work.turnsSeen + 1;
  if (!alone && (status === 'copying' || status === 'suspended')) await reserve(work, signal);
}

/** Has every rank of the job stand at a safepoint with quiet channels. */
export async function quiesce(work: Work, signal: AbortSignal): Promise<void> {
  const { ports, id } = work;
  const { jobId, attempt, vmId, fence, quiescingAt, transfer } = work.migration();
  if (quiescingAt === undefined) {
    const begun = await ports.migrations.execute(id, { type: 'BeginQuiesce', data: {} });
    const position = begun.ok ? begun.recorded.at(-1)?.position : undefined;
    if (position !== undefined) work.epoch = quiesceEpochAt(position);
  }
  const { quiesceMs, callMs } = ports.config;
  const epoch = await epochOf(work);
  const { fabric } = placeOf(work);
  const how = { epoch, timeout: durationFromMs(quiesceMs), inCallsOnly: transfer?.design === 'pe', fabric };
  const request = { migrationId: id, jobId, attempt, vmId, fence: BigInt(fence), ...how };
  await onAll(work, await nodesOf(work), (agent) => agent.quiesce(request, { timeoutMs: quiesceMs + callMs, signal }));
}

/** The guest stands from here on: the target is told to bring it up as soon as the last of it has come, and nobody is asked in between. */
export async function suspend(work: Work, signal: AbortSignal): Promise<void> {
  const { sourceNodeId, vmId } = work.migration();
  work.vm = await work.ports.migrations.vm(vmId);
  const off = new AbortController();
  const either = AbortSignal.any([signal, off.signal]);
  const orOff = async <T>(call: Promise<T>): Promise<T> => {
    try {
      return await call;
    } catch (error) {
      off.abort(error);
      throw error;
    }
  };
  const coming = orOff(bringUp(work, copyMs, either));
  const leaving = orOff(agentOf(work, sourceNodeId).suspend(sending(work), { timeoutMs: copyMs, signal: either }));
  const results = await Promise.allSettled([leaving, coming]);
  if (off.signal.aborted) throw off.signal.reason;
  const [left] = results;
  if (left.status === 'fulfilled') work.sent = copied(left.value.sent);
}

/** For a life of the controller that finds a VM which an earlier one has suspended. */
export async function restore(work: Work, signal: AbortSignal): Promise<void> {
  if (work.sent === undefined) await bringUp(work, work.ports.config.callMs, signal);
}

async function bringUp(work: Work, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { fence, vmId, targetNodeId } = work.migration();
  const { pkey, fabric } = placeOf(work);
  const epoch = await epochOf(work);
  const request = { migrationId: work.id, fence: BigInt(fence), vmId, ranks: moved(work), pkey, fabric, epoch };
  await agentOf(work, targetNodeId).restore(request, { timeoutMs, signal });
}

export function handOver({ id, ports, sent, vm }: Work): Promise<void> {
  return ports.migrations.handOver(id, { sent, vm });
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
export async function onAll(work: Work, nodeIds: readonly string[], call: (agent: Agent) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(nodeIds.map((nodeId) => call(agentOf(work, nodeId))));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

export function placeOf({ place, id }: Work): migrationv1.ReserveMoveResponse {
  if (place === undefined) throw new Error(`nothing is reserved for migration ${id}`);
  return place;
}

/** The number under which ranks stand still now. */
const epochOf = async (work: Work): Promise<number> => (work.epoch ??= (await work.ports.migrations.quiesceEpoch(work.id)) ?? 0);

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
export function moved(work: Work): { rank: number; vmId: string; nodeId: string }[] {
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

/**
 * A cluster as the migration controller sees it: nodes that hold copies of VMs and move bytes by counting them. It watches what must always hold:
 * of each VM at most one copy runs, and it is the owner's.
 */
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { imagev1, migrationv1, nodev1, vmv1 } from '@verbena/contracts';
import { evolveVm, noVm, type VmEvent, type VmState } from '@verbena/domain-vm';
import type { MigrationConfig } from '../run/work.ts';
import { Stage } from './stage.ts';
import { withTrouble, type Trouble } from './trouble.ts';

export type Copy = 'running' | 'quiet' | 'suspended' | 'incoming' | 'restored';

export interface World extends Stage {
  /** By VM and node: what there is of it. */
  readonly copies: Map<string, Copy>;
  /** Migrations that hold room. */
  readonly holds: Set<string>;
  /** Called as a node takes a call, and as it answers; what it throws is what the controller sees. */
  trouble: Trouble;
  migrate(vmId?: string, targetNodeId?: string, mode?: migrationv1.MigrationMode, design?: migrationv1.MigrationDesign): Promise<string>;
  get(id: string): Promise<migrationv1.GetMigrationResponse>;
  phase(id: string): Promise<string>;
  cancel(id: string): Promise<unknown>;
  /** Lets everything go on until the migration has ended; a controller that has died has a successor. */
  toItsEnd(id: string): Promise<migrationv1.Migration>;
  owner(vmId: string): Promise<VmState>;
  append(stream: string, event: VmEvent, epoch?: number): Promise<void>;
}

const jobId = 'job-1';
const homes: Readonly<Record<string, string>> = { 'vm-a': 'node-0', 'vm-b': 'node-1' };
const created = { imageDigest: 'sha256:0', memoryBytes: 1 << 20, vcpus: 1, tenant: 'default', jobId };
const over = new Set(['completed', 'failed', 'cancelled']);

export async function world(config: Partial<MigrationConfig> = {}): Promise<World> {
  const stage = await Stage.open();
  const made: { world?: World } = {};
  const { bus, store } = stage;
  const copies = new Map<string, Copy>();
  const holds = new Set<string>();
  const append: World['append'] = async (stream, event, epoch = 1) => {
    const metadata = { actor: 'node', tenant: 'default', correlationId: jobId, epoch };
    const result = await store.append([{ stream, expectedVersion: 'any', events: [event] }], { metadata });
    if (!result.ok) throw new Error(`${event.type}: ${result.reason}`);
  };
  const owner = async (vmId: string): Promise<VmState> =>
    (await store.readStream(vmId)).reduce((state, { event }) => evolveVm(state, event as VmEvent), noVm);
  for (const [vmId, nodeId] of Object.entries(homes)) {
    await append(vmId, { type: 'VmCreated', data: { nodeId, ...created } });
    await append(vmId, { type: 'VmBooted', data: { seconds: 0 } });
    await append(vmId, { type: 'VmStarted', data: { jobId, rank: vmId === 'vm-a' ? 0 : 1 } });
    copies.set(`${vmId}@${nodeId}`, 'running');
  }
  const places = (): Promise<{ rank: number; vmId: string; nodeId: string }[]> =>
    Promise.all(
      Object.keys(homes).map(async (vmId, rank) => {
        const state = await owner(vmId);
        return { rank, vmId, nodeId: state.status === 'none' ? '' : state.nodeId };
      }),
    );
  const call = (what: string): void => stage.call(what);
  const need = (name: string, ...wanted: readonly Copy[]): void => {
    const copy = copies.get(name);
    if (copy === undefined || !wanted.includes(copy))
      throw new ConnectError(`${name} is ${copy ?? 'not there'}, not ${wanted.join(' or ')}`, Code.FailedPrecondition);
  };
  const runs = async (name: string): Promise<void> => {
    const [vmId = '', nodeId] = name.split('@');
    const second = [...copies].some(([other, copy]) => other.startsWith(`${vmId}@`) && other !== name && copy === 'running');
    const state = await owner(vmId);
    if (second || state.status === 'none' || state.nodeId !== nodeId) throw new Error(`a second ${name} would run`);
    copies.set(name, 'running');
  };
  const images = new Set(['node-0', 'node-1']);
  /** All of a VM is at its target from when it is suspended. */
  const arrivals = new Map<string, PromiseWithResolvers<void>>();
  const arrived = (vmId: string, signal: AbortSignal): Promise<void> => {
    const arrival = Promise.withResolvers<void>();
    arrivals.set(vmId, arrival);
    signal.addEventListener('abort', () => arrival.reject(signal.reason as Error), { once: true });
    if ([...copies].some(([name, copy]) => name.startsWith(`${vmId}@`) && copy === 'suspended')) arrival.resolve();
    return arrival.promise;
  };
  const agent = (nodeId: string): Partial<ServiceImpl<typeof migrationv1.MigrationAgentService>> => {
    const here = (): [string, Copy][] => [...copies].filter(([name]) => name.endsWith(`@${nodeId}`));
    return {
      prepareIncoming({ vmId }) {
        call(`${nodeId} prepareIncoming`);
        if (!images.has(nodeId)) throw new ConnectError('the image is not cached', Code.FailedPrecondition);
        if (!copies.has(`${vmId}@${nodeId}`)) copies.set(`${vmId}@${nodeId}`, 'incoming');
        return { endpoint: `${nodeId}:1`, secret: new Uint8Array(16) };
      },
      async *precopy({ vmId }) {
        call(`${nodeId} precopy`);
        need(`${vmId}@${nodeId}`, 'running');
        for (const left of [10n, 2n]) yield await Promise.resolve({ done: { pages: 16n, bytes: 1000n, left } });
      },
      quiesce({ inCallsOnly }) {
        call(`${nodeId} quiesce${inCallsOnly ? ' in calls only' : ''}`);
        for (const [name, copy] of here()) if (copy === 'running') copies.set(name, 'quiet');
        return {};
      },
      suspend({ vmId }) {
        call(`${nodeId} suspend`);
        need(`${vmId}@${nodeId}`, 'quiet', 'suspended');
        copies.set(`${vmId}@${nodeId}`, 'suspended');
        arrivals.get(vmId)?.resolve();
        return { sent: { pages: 2n, bytes: 100n, duration: { seconds: 0n, nanos: 3_000_000 } } };
      },
      async restore({ vmId }, { signal }) {
        call(`${nodeId} restore`);
        await arrived(vmId, signal);
        need(`${vmId}@${nodeId}`, 'incoming', 'restored');
        copies.set(`${vmId}@${nodeId}`, 'restored');
        return {};
      },
      async release({ how }) {
        call(`${nodeId} release`);
        const restored = how === migrationv1.ReleaseHow.NEW_ADAPTER;
        for (const [name, copy] of here()) if (copy === 'quiet' || (restored && copy === 'restored')) await runs(name);
        return {};
      },
      async discard({ vmId }) {
        call(`${nodeId} discard`);
        const state = await owner(vmId);
        if (state.status !== 'none' && state.nodeId === nodeId) throw new Error(`${vmId} is not another's yet`);
        copies.delete(`${vmId}@${nodeId}`);
        return {};
      },
      resume({ vmId }) {
        call(`${nodeId} resume`);
        if (copies.get(`${vmId}@${nodeId}`) === 'suspended') copies.set(`${vmId}@${nodeId}`, 'quiet');
        return {};
      },
      abortIncoming({ vmId }) {
        call(`${nodeId} abortIncoming`);
        const copy = copies.get(`${vmId}@${nodeId}`);
        if (copy === 'incoming' || copy === 'restored') copies.delete(`${vmId}@${nodeId}`);
        return {};
      },
    };
  };
  for (const nodeId of ['node-0', 'node-1', 'node-2'])
    await stage.serve(
      migrationv1.MigrationAgentService,
      withTrouble(agent(nodeId), (...what) => made.world?.trouble(nodeId, ...what)),
      nodeId,
    );
  await stage.serve(migrationv1.MoveService, {
    async reserveMove({ migrationId, targetNodeId }) {
      call('scheduler reserve');
      holds.add(migrationId);
      return { targetNodeId: targetNodeId || 'node-2', targetEpoch: 1n, jobId, attempt: 1, ranks: await places() };
    },
    releaseMove({ migrationId }) {
      call('scheduler release');
      holds.delete(migrationId);
      return {};
    },
    async settleMove({ migrationId }) {
      call('scheduler settle');
      holds.delete(migrationId);
      return { ranks: await places() };
    },
  });
  await stage.serve(imagev1.ImageService, {
    async *distribute({ nodeIds }) {
      call('image-manager distribute');
      for (const nodeId of nodeIds) images.add(nodeId);
      yield await Promise.resolve({ done: true });
    },
  });
  const wireVm = async (id: string) => {
    const state = await owner(id);
    if (state.status === 'none') throw new ConnectError(`there is no VM ${id}`, Code.NotFound);
    const wire = state.status === 'running' ? vmv1.VmState.RUNNING : vmv1.VmState.SHUT_DOWN;
    const epoch = BigInt(Math.max(...(await store.readStream(id)).map(({ metadata }) => metadata.epoch ?? 0)));
    const rank = id === 'vm-a' ? 0 : 1;
    return { id, nodeId: state.nodeId, state: wire, vcpus: 1, memoryBytes: 64n, jobId, rank, tenant: 'default', epoch };
  };
  await stage.serve(vmv1.VmService, {
    getVm: async ({ id }) => ({ vm: await wireVm(id) }),
    listVms: async () => ({ vms: await Promise.all(Object.keys(homes).map(wireVm)) }),
  });
  const node = (id: string) => ({ id, state: nodev1.NodeState.READY, cores: 2, coresUsed: 1, memoryBytes: 1000n });
  await stage.serve(nodev1.NodeService, { listNodes: () => ({ nodes: ['node-0', 'node-1', 'node-2'].map(node) }) });

  await stage.begin({ undoMs: 2_000, ...config });
  const client = bus.client(migrationv1.MigrationService);
  const get = async (id: string): Promise<migrationv1.Migration | undefined> =>
    (await client.getMigration({ id }).catch(() => undefined))?.migration;
  const own: Omit<World, keyof Stage> = {
    copies,
    holds,
    trouble: () => undefined,
    migrate: async (vmId = 'vm-a', targetNodeId = '', mode = migrationv1.MigrationMode.PRECOPY, design = migrationv1.MigrationDesign.MT) =>
      (await client.migrateVm({ vmId, targetNodeId, mode, transfer: { design } })).migration?.id ?? '',
    get: (id) => client.getMigration({ id }),
    phase: async (id) => (await get(id))?.phase ?? '',
    cancel: (id) => client.cancelMigration({ id }),
    toItsEnd: (id) => stage.untilOver(id, over, get),
    owner,
    append,
  };
  made.world = Object.assign(stage, own);
  return made.world;
}

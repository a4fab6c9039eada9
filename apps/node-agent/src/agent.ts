/** Puts a node-agent together: cache, VMs, jobs, registration, and the service under the node's own address. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { migrationv1, nodev1 } from '@verbena/contracts';
import type { Hypervisor } from '@verbena/hypervisor';
import { nodeId } from '@verbena/ids';
import type { RunningService, ServiceContext } from '@verbena/service-kit';
import { AgentCheckpoints } from './checkpoint/agent-checkpoints.ts';
import { checkpointAgentService } from './checkpoint/checkpoint-service.ts';
import { openChunks } from './images/chunks.ts';
import { ImageCache } from './images/image-cache.ts';
import { jobPorts } from './jobs/job-ports.ts';
import { Holding } from './jobs/holding.ts';
import { JobTable } from './jobs/job-table.ts';
import { AgentMigrations } from './migration/agent-migrations.ts';
import { lookAfter } from './migration/left-alone.ts';
import { migrationAgentService } from './migration/migration-service.ts';
import { Doors } from './migration/transport.ts';
import { Registration, type NodeDescription } from './registration.ts';
import type { NodePort } from './node-port.ts';
import { observeNode } from './metrics.ts';
import { nodeAgentService } from './service.ts';
import { Terms } from './terms.ts';
import type { VmLogOptions } from './vms/vm-log.ts';
import { VmTable } from './vms/vm-table.ts';

export interface NodeAgentOptions {
  /** For example "node-0"; also the address of its NodeAgentService on the bus. */
  readonly nodeId: string;
  /** What people call the host. */
  readonly name: string;
  readonly cores: number;
  /** Memory for VMs, in bytes. */
  readonly memoryBytes: number;
  /** The host's own: its domains use the host's port in the subnet. The node-agent closes it when it stops. */
  readonly hypervisor: Hypervisor;
  /** The host's port in the subnet. Its LID comes from the scheduler. */
  readonly port: NodePort;
  /** Bound of the image cache, in bytes. */
  readonly cacheQuotaBytes: number;
}

/**
 * Starts one host's node-agent. It keeps its image cache and the scratch directories of running jobs under `context.dataDir`, which no other
 * node-agent may use. Resolves when it serves; the registration with the scheduler goes on from there (see `notReady`).
 */
export async function startNodeAgent(context: ServiceContext, options: NodeAgentOptions): Promise<RunningService> {
  const { bus, clock, dataDir, metrics, tracer } = context;
  const id = nodeId(options.nodeId);
  const log = context.log.child({ node: id });
  const scratchRoot = join(dataDir, 'scratch');
  // What a killed predecessor left belongs to jobs that are over.
  await rm(scratchRoot, { recursive: true, force: true });
  const images = await ImageCache.open({
    dir: join(dataDir, 'images'),
    chunks: await openChunks(join(dataDir, 'chunks'), options.cacheQuotaBytes),
    quotaBytes: options.cacheQuotaBytes,
  });
  const working = new AbortController();
  const registering = new AbortController();
  const registration = new Registration({
    bus,
    clock,
    log,
    signal: registering.signal,
    describe: () => describe(options, images, vms),
    onLid: (lid) => options.port.assignLid(lid),
    onPort: (enabled) => options.port.setEnabled?.(enabled),
    onFenced: async (reason) => {
      await bounded(stopFencedMs, jobs.clear(reason));
      await bounded(stopFencedMs, vms.clear(reason));
    },
  });
  const vmLog: VmLogOptions = { bus, clock, signal: working.signal, actor: id, epoch: () => registration.epoch };
  const vms: VmTable = new VmTable({
    nodeId: id,
    cores: options.cores,
    memoryBytes: options.memoryBytes,
    hypervisor: options.hypervisor,
    images,
    port: options.port,
    clock,
    log,
    vmLog,
    tracer,
    metrics,
  });
  const ports = jobPorts({ bus, clock, log, nodeId: id, signal: working.signal });
  const jobs = new JobTable({ nodeId: id, nodeName: options.name, vms, ports, scratchRoot, tracer, metrics }, log);
  const standing = (jobId: string): string | undefined => {
    if (migrations.standing.has(jobId)) return 'a VM of the job is being moved';
    return checkpoints.savesNow(jobId) ? 'the job is being saved' : undefined;
  };
  const holding = new Holding({ nodeId: id, clock, jobs, busy: standing, signal: working.signal });
  const parts = {
    nodeId: id,
    bus,
    log,
    tracer,
    metrics,
    images,
    vms,
    jobs,
    holding,
    port: options.port,
    terms: new Terms(),
    registered: () => registration.registered,
    fetchChunk: (digest: string) => ports.getChunk(digest),
    signal: working.signal,
  };
  const doors = new Doors(hostOf(options.port.endpoint));
  const spoolRoot = join(dataDir, 'incoming');
  await rm(spoolRoot, { recursive: true, force: true });
  const migrations: AgentMigrations = new AgentMigrations({
    nodeId: id,
    nodeName: options.name,
    clock,
    vms,
    jobs,
    port: options.port,
    doors,
    spoolRoot,
  });
  const checkpointSpool = join(dataDir, 'checkpoints');
  await rm(checkpointSpool, { recursive: true, force: true });
  const checkpoints: AgentCheckpoints = new AgentCheckpoints({
    ...{ nodeId: id, clock, jobs, snapshots: ports.snapshots, spoolRoot: checkpointSpool, signal: working.signal },
    busy: (jobId) => {
      if (holding.holds(jobId)) return 'the job is getting more processes';
      return migrations.standing.has(jobId) ? 'a VM of the job is being moved' : undefined;
    },
  });
  const served = await bus.serve(nodev1.NodeAgentService, nodeAgentService(parts), id);
  const movesServed = await bus.serve(migrationv1.MigrationAgentService, migrationAgentService(migrations), id);
  void lookAfter({ migrations, bus, log, vmLog, signal: working.signal });
  const checkpointsServed = await bus.serve(migrationv1.CheckpointAgentService, checkpointAgentService(checkpoints), id);
  void checkpoints.lookAfter();
  const unobserve = observeNode(metrics, parts);
  registration.start();

  const stop = async (): Promise<void> => {
    registering.abort(new Error('the node-agent stops'));
    unobserve();
    await registration.done;
    await bounded(stopJobsMs, jobs.close('the node stops'));
    await bounded(stopVmsMs, vms.close('the node stops'));
    working.abort(new Error('the node-agent has stopped'));
    await bounded(stopServingMs, Promise.all([served.stop(), movesServed.stop(), checkpointsServed.stop(), migrations.close()]));
    await bounded(stopVmsMs, options.hypervisor.close());
    await rm(scratchRoot, { recursive: true, force: true });
  };
  let stopped: Promise<void> | undefined;
  return {
    name: `node-agent ${id}`,
    notReady: () => Promise.resolve(registration.problem),
    stop: () => (stopped ??= stop()),
  };
}

/** What cannot be stopped in this time is listed when the node registers, and the scheduler asks for its end again. */
const stopFencedMs = 30_000;
const stopJobsMs = 10_000;
const stopVmsMs = 5_000;
const stopServingMs = 2_000;

/** Waits for the work, but no longer than this: a stop that hangs would keep everything behind it alive. */
async function bounded(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}

/** Where node-agents of other processes reach this host: as they reach its port in the subnet. */
function hostOf(endpoint: string): string {
  const cut = endpoint.lastIndexOf(':');
  return cut > 0 ? endpoint.slice(0, cut) : '127.0.0.1';
}

function describe(options: NodeAgentOptions, images: ImageCache, vms: VmTable): NodeDescription & { readonly id: string } {
  const list = vms.list();
  return {
    id: options.nodeId,
    name: options.name,
    state: nodev1.NodeState.READY,
    cores: options.cores,
    coresUsed: list.reduce((sum, vm) => sum + vm.request.vcpus, 0),
    memoryBytes: BigInt(options.memoryBytes),
    memoryUsedBytes: BigInt(vms.memoryUsed()),
    lid: options.port.lid,
    portGuid: `0x${options.port.guid.toString(16).padStart(16, '0')}`,
    fabricEndpoint: options.port.endpoint,
    cachedImages: images.list(),
    hypervisor: options.hypervisor.name,
    agentMemoryBytes: BigInt(process.memoryUsage.rss()),
    vmsIdle: list.filter(({ phase }) => phase === 'idle').length,
    vmsRunning: list.filter(({ phase }) => phase === 'busy').length,
  };
}

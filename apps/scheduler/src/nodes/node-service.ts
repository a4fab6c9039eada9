import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { nodev1 } from '@verbena/contracts';
import type { KnownNode } from '@verbena/domain-node';
import { nodeId } from '@verbena/ids';
import { callContext, nodeOnlyItself, type Bus, type CallContext } from '@verbena/messaging';
import { pageOf } from '@verbena/service-kit';
import type { Capacity } from '../queue/capacity.ts';
import type { HeartbeatFacts, NodeResult, Nodes, Presence } from './nodes.ts';

const { NodeState } = nodev1;
const mostCachedImages = 10_000;
const countersMs = 5_000;

export interface NodeServiceParts {
  readonly bus: Bus;
  readonly nodes: Nodes;
  readonly capacity: Capacity;
  /** The scheduler's: a node refuses one that leads no more. */
  readonly term: bigint;
  readonly heartbeatMs: number;
  /** How long a node that is not heard of is waited for. */
  readonly leaseMs: number;
  /** A node has registered: what it ran before is to be cleared up. */
  readonly registered: (id: string) => void;
}

export function nodeService(parts: NodeServiceParts): ServiceImpl<typeof nodev1.NodeService> {
  const { bus, nodes, heartbeatMs, leaseMs } = parts;
  const answer = (id: string, result: NodeResult) => {
    if (!result.ok) throw refused(id, result.reason, result.detail);
    return { node: nodeView(id, parts) };
  };
  return {
    async registerNode({ node }) {
      if (node === undefined) throw new ConnectError('a registration needs the node', Code.InvalidArgument);
      const id = checkedId(node.id);
      nodeOnlyItself(id);
      const { name, cores, lid, portGuid, hypervisor, fabricEndpoint } = node;
      const memoryBytes = Number(node.memoryBytes);
      const result = await nodes.register(
        id,
        { name: name === '' ? id : name, cores, memoryBytes, lid, portGuid, hypervisor, fabricEndpoint },
        facts(node),
      );
      if (!result.ok) throw refused(id, result.reason, result.detail);
      parts.registered(id);
      const known = nodes.known(id);
      return {
        epoch: BigInt(known?.epoch ?? 0),
        heartbeatInterval: durationFromMs(heartbeatMs),
        lid: known?.node.lid ?? 0,
        lease: durationFromMs(leaseMs),
        portDisabled: known?.portDisabled === true,
      };
    },
    heartbeat(request) {
      nodeOnlyItself(request.nodeId);
      if (!nodes.log.has(request.nodeId)) throw new ConnectError(`node ${request.nodeId} has never registered`, Code.NotFound);
      if (!nodes.heartbeat(request.nodeId, Number(request.epoch), facts(request))) {
        throw new ConnectError(
          `node ${request.nodeId} is not registered under epoch ${request.epoch}: register again`,
          Code.FailedPrecondition,
        );
      }
      return {};
    },
    listNodes({ pageSize, pageToken }) {
      const { items, nextPageToken } = pageOf(nodes.ids(), (id) => id, pageSize, pageToken);
      // Which images a node keeps tells of the jobs of other tenants.
      const hidden = seesImages(callContext()) ? {} : { cachedImages: [] };
      return { nodes: items.map((id) => ({ ...nodeView(id, parts), ...hidden })), nextPageToken };
    },
    async drainNode({ id, reason }) {
      return answer(id, await nodes.drain(id, reason === '' ? 'drained by an operator' : reason.slice(0, 500)));
    },
    async resumeNode({ id }) {
      return answer(id, await nodes.resume(id));
    },
    async getCounters({ id }) {
      if (nodes.known(id) === undefined) throw refused(id, 'unknown-node', '');
      return { counters: (await bus.client(nodev1.NodeAgentService, id).readCounters({}, { timeoutMs: countersMs })).counters };
    },
    async getPort({ id }) {
      if (nodes.known(id) === undefined) throw refused(id, 'unknown-node', '');
      return { port: (await bus.client(nodev1.NodeAgentService, id).readPort({}, { timeoutMs: countersMs })).port };
    },
    async enablePort({ id, enabled }) {
      const told = answer(id, await nodes.enablePort(id, enabled, callContext().actor));
      // A node that is away learns it when it registers.
      if (nodes.presence(id) !== undefined)
        await bus.client(nodev1.NodeAgentService, id).setPortEnabled({ enabled, term: parts.term }, { timeoutMs: countersMs });
      return told;
    },
  };
}

/** Services see them, and of the callers from outside, who have a role, those who look after the cluster. */
function seesImages({ roles }: CallContext): boolean {
  return roles.length === 0 || roles.includes('operator') || roles.includes('admin');
}

function checkedId(text: string): string {
  try {
    return nodeId(text);
  } catch (cause) {
    throw new ConnectError(cause instanceof Error ? cause.message : 'bad node id', Code.InvalidArgument, undefined, undefined, cause);
  }
}

function facts(told: { memoryUsedBytes: bigint; agentMemoryBytes: bigint; cachedImages: readonly string[] }): HeartbeatFacts {
  return {
    memoryUsedBytes: Number(told.memoryUsedBytes),
    agentMemoryBytes: Number(told.agentMemoryBytes),
    cachedImages: told.cachedImages.slice(0, mostCachedImages),
  };
}

function refused(id: string, reason: string, detail: string): ConnectError {
  if (reason === 'unknown-node') return new ConnectError(`there is no node ${JSON.stringify(id)}`, Code.NotFound);
  return new ConnectError(detail, reason === 'invalid-node' ? Code.InvalidArgument : Code.Aborted);
}

const states: Readonly<Record<KnownNode['status'], nodev1.NodeState>> = {
  ready: NodeState.READY,
  drained: NodeState.DRAINED,
  lost: NodeState.LOST,
};

/** Why the node takes no work; empty when it does. */
function whyAway({ status, reason, drained }: KnownNode, presence: Presence | undefined): string {
  if (status === 'lost') return `lost: ${reason}`;
  if (presence === undefined) return 'not heard of since the scheduler started';
  if (presence.phase === 'settling') return 'has registered, and is being cleared up';
  if (presence.phase === 'silent') return 'did not answer';
  return drained === undefined ? '' : `drained: ${drained}`;
}

function nodeView(id: string, { nodes, capacity }: NodeServiceParts): nodev1.Node {
  const state = nodes.known(id);
  if (state === undefined) return create(nodev1.NodeSchema, { id });
  const presence = nodes.presence(id);
  const use = capacity.useOf(id);
  const { name, cores, memoryBytes, lid, portGuid, hypervisor, fabricEndpoint = '' } = state.node;
  return create(nodev1.NodeSchema, {
    id,
    name,
    // What the log holds as ready is not there before it has registered in this life.
    state: presence === undefined ? NodeState.LOST : states[state.status],
    cores,
    coresUsed: use.cores,
    memoryBytes: BigInt(memoryBytes),
    memoryUsedBytes: BigInt(use.memoryBytes),
    lid,
    portGuid,
    fabricEndpoint,
    reason: whyAway(state, presence),
    epoch: BigInt(state.epoch),
    cachedImages: [...(presence?.cachedImages ?? [])],
    ...(presence !== undefined && { lastSeen: timestampFromDate(presence.lastSeenAt) }),
    hypervisor,
    agentMemoryBytes: BigInt(presence?.agentMemoryBytes ?? 0),
    vmsIdle: use.idle,
    vmsRunning: use.vms - use.idle,
    portDisabled: state.portDisabled === true,
  });
}

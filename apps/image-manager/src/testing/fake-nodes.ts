/** Nodes that only keep chunks, and pass them down a tree as node-agents do; each can be made to fail. */
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { nodev1 } from '@verbena/contracts';
import type { Bus, Served } from '@verbena/messaging';

type Receipt = { nodeId: string; round: number; bytesReceived: bigint; chunksReceived: number; error: string };

export class FakeNodes {
  readonly #nodes = new Map<string, { chunks: Set<string>; served: Served }>();
  /** Node to what is wrong with it; a count says how often before it works. */
  readonly broken = new Map<string, { readonly error: string; times: number }>();
  /** "storage>node-0@1": who was served by whom in which round, in order. */
  readonly transfers: string[] = [];
  /** While set, nodes wait for it before they take anything. */
  gate: Promise<void> | undefined;
  readonly #bus: Bus;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  async add(...ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const some: Partial<ServiceImpl<typeof nodev1.NodeAgentService>> = {
        missingChunks: ({ digests }) => ({ digests: digests.filter((digest) => !this.#chunks(id).has(digest)) }),
        prepareImage: async (request) => {
          await this.gate;
          if (request.tree === undefined) throw new ConnectError('no tree', Code.InvalidArgument);
          return { receipts: this.#prepare(request.tree, request.chunks, request.fetchFromStorage ? 'storage' : undefined) };
        },
      };
      const served = await this.#bus.serve(nodev1.NodeAgentService, some as ServiceImpl<typeof nodev1.NodeAgentService>, id);
      this.#nodes.set(id, { chunks: new Set(), served });
    }
  }

  async remove(id: string): Promise<void> {
    await this.#nodes.get(id)?.served.stop();
    this.#nodes.delete(id);
  }

  has(id: string, digest: string): boolean {
    return this.#chunks(id).has(digest);
  }

  drop(id: string, digest: string): void {
    this.#chunks(id).delete(digest);
  }

  #chunks(id: string): Set<string> {
    return this.#nodes.get(id)?.chunks ?? new Set();
  }

  #prepare(tree: nodev1.Subtree, chunks: readonly nodev1.ChunkRef[], from: string | undefined): Receipt[] {
    const { nodeId, round, children } = tree;
    const own = this.#chunks(nodeId);
    const broken = this.broken.get(nodeId);
    const error = !this.#nodes.has(nodeId) ? 'not there' : broken !== undefined && broken.times-- > 0 ? broken.error : '';
    const missing = error === '' && from !== undefined ? chunks.filter(({ digest }) => !own.has(digest)) : [];
    for (const { digest } of missing) own.add(digest);
    if (missing.length > 0) this.transfers.push(`${from ?? ''}>${nodeId}@${round}`);
    const bytes = missing.reduce((sum, { size }) => sum + size, 0);
    const receipt = { nodeId, round, bytesReceived: BigInt(bytes), chunksReceived: missing.length, error };
    // Whoever cannot serve its children leaves them to its parent.
    const server = error === '' ? nodeId : (from ?? nodeId);
    const failedRoot = error !== '' && from === 'storage';
    const below = failedRoot ? [] : children.flatMap((child) => this.#prepare(child, chunks, server));
    return [receipt, ...below];
  }
}

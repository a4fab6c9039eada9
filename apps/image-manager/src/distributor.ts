/**
 * Carries out a distribution (R31). The nodes are asked what they lack; those that have all chunks only verify them. Over the others a plan is
 * made, and its trees are set going one a round: the root fetches from storage, and when it is complete serves its own tree while storage
 * serves the next root. Nodes that failed are tried again along a new plan, a bounded number of times.
 */
import {
  bytesReceived,
  distributionDecider,
  outstanding,
  type DistributionCommand,
  type DistributionState,
  type StoredVersion,
  type TreeNode,
} from '@verbena/domain-image';
import { handle, type EventMetadata, type EventStore } from '@verbena/event-sourcing';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Bus } from '@verbena/messaging';
import type { Clock } from '@verbena/service-kit';
import { nodev1 } from '@verbena/contracts';

export interface DistributorParts {
  readonly store: EventStore;
  readonly bus: Bus;
  readonly clock: Clock;
}

export interface Receipt {
  readonly nodeId: string;
  readonly round: number;
  readonly bytes: number;
  readonly chunks: number;
}

export interface Status {
  readonly rounds: number;
  readonly nodesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly receipts: readonly Receipt[];
}

export class DistributionError extends Error {
  override readonly name = 'DistributionError';
}

export interface DistributionRequest {
  readonly distributionId: string;
  readonly image: StoredVersion;
  readonly nodes: readonly string[];
  readonly jobId: string;
  readonly metadata: EventMetadata;
  readonly signal: AbortSignal;
  /** Called after every step that is in the log. */
  readonly onProgress: (status: Status) => void;
}

const tries = 3;
const askMs = 10_000;
const prepareMs = 300_000;

type Planned = Exclude<DistributionState, { status: 'none' }>;

export class Distribution {
  readonly #parts: DistributorParts;
  readonly #request: DistributionRequest;
  readonly #handler;
  readonly #receipts = new Map<string, Receipt>();
  /** What went wrong last on each node that has not received. */
  readonly #errors = new Map<string, string>();
  #state: DistributionState = distributionDecider.initial;
  /** Receipts come from several trees at once; the stream takes one command at a time. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(parts: DistributorParts, request: DistributionRequest) {
    this.#parts = parts;
    this.#request = request;
    this.#handler = handle(parts.store, distributionDecider, (id: string) => id);
  }

  /**
   * Whatever ends it, the log says that it has ended.
   * @throws DistributionError that names the nodes and what went wrong on each
   */
  async run(): Promise<Status> {
    try {
      return await this.#carryOut();
    } catch (error) {
      const reason = `it was given up: ${messageOf(error)}`;
      if (this.#state.status === 'under-way') await this.#do({ type: 'FailDistribution', data: { reason } }).catch(() => false);
      throw error;
    }
  }

  async #carryOut(): Promise<Status> {
    const { image, jobId } = this.#request;
    const { lacking, complete } = await this.#ask();
    const bytesPerNode = contentBytes(image);
    await this.#do({
      type: 'PlanDistribution',
      data: { imageDigest: image.digest, jobId, nodes: lacking, alreadyThere: complete, bytesPerNode },
    });
    for (const nodeId of complete) this.#receipts.set(nodeId, { nodeId, round: 0, bytes: 0, chunks: 0 });
    this.#tell();
    for (let attempt = 1; outstanding(this.#state).length > 0; attempt++) {
      await this.#serveTrees(this.#planned().trees);
      const left = outstanding(this.#state);
      if (left.length === 0) break;
      if (attempt === tries) await this.#fail(left);
      await this.#do({ type: 'ReplanDistribution', data: { failed: Object.fromEntries(left.map((node) => [node, this.#why(node)])) } });
    }
    await this.#do({ type: 'CompleteDistribution', data: {} });
    return this.#status();
  }

  /** Which nodes lack chunks. Those that lack none verify what they have, and count as lacking when that fails. */
  async #ask(): Promise<{ lacking: readonly string[]; complete: readonly string[] }> {
    const { image, nodes, signal } = this.#request;
    const digests = [...new Set(image.chunks.map(({ digest }) => digest))];
    const answers = await Promise.all(
      nodes.map(async (nodeId) => {
        try {
          const missing = await this.#agent(nodeId).missingChunks({ digests }, { timeoutMs: askMs, signal });
          if (missing.digests.length > 0) return { nodeId, complete: false };
          const [receipt] = await this.#prepare({ nodeId, round: 0, children: [] }, false);
          return { nodeId, complete: receipt?.error === '' };
        } catch (error) {
          signal.throwIfAborted();
          // It may answer when its turn comes; if not, its error is known then.
          this.#errors.set(nodeId, messageOf(error));
          return { nodeId, complete: false };
        }
      }),
    );
    const those = (complete: boolean): readonly string[] =>
      answers.filter((answer) => answer.complete === complete).map(({ nodeId }) => nodeId);
    return { lacking: those(false), complete: those(true) };
  }

  /** Storage serves one root a round; what hangs below a root is served in parallel with the later rounds. */
  async #serveTrees(trees: readonly TreeNode[]): Promise<void> {
    const below: Promise<void>[] = [];
    for (const tree of trees) {
      await this.#serve({ ...tree, children: [] }, true);
      if (this.#receipts.has(tree.nodeId)) {
        if (tree.children.length > 0) below.push(this.#serve(tree, false));
        continue;
      }
      for (const { nodeId } of nodesBelow(tree))
        this.#errors.set(nodeId, `${tree.nodeId}, which was to serve it, failed: ${this.#why(tree.nodeId)}`);
    }
    await Promise.all(below);
  }

  async #serve(tree: TreeNode, fromStorage: boolean): Promise<void> {
    try {
      for (const receipt of await this.#prepare(tree, fromStorage)) await this.#receive(receipt);
    } catch (error) {
      this.#request.signal.throwIfAborted();
      for (const { nodeId } of [tree, ...nodesBelow(tree)]) this.#errors.set(nodeId, messageOf(error));
    }
  }

  async #prepare(tree: TreeNode, fromStorage: boolean): Promise<readonly nodev1.NodeReceipt[]> {
    const { image, distributionId, signal } = this.#request;
    const request = {
      imageDigest: image.digest,
      manifest: new TextEncoder().encode(image.manifest),
      chunks: image.chunks.map(({ digest, size }) => ({ digest, size })),
      tree: subtree(tree),
      distributionId,
      fetchFromStorage: fromStorage,
    };
    return (await this.#agent(tree.nodeId).prepareImage(request, { timeoutMs: prepareMs, signal })).receipts;
  }

  async #receive(receipt: nodev1.NodeReceipt): Promise<void> {
    const { nodeId, error } = receipt;
    if (this.#receipts.has(nodeId)) return;
    if (error !== '') {
      this.#errors.set(nodeId, error);
      return;
    }
    const bytes = Number(receipt.bytesReceived);
    const recorded = await this.#do({ type: 'RecordReceipt', data: { nodeId, bytes, chunks: receipt.chunksReceived } });
    if (!recorded) return;
    this.#receipts.set(nodeId, { nodeId, round: receipt.round, bytes, chunks: receipt.chunksReceived });
    this.#tell();
  }

  async #fail(left: readonly string[]): Promise<never> {
    const { image } = this.#request;
    const reason = `image ${image.name}:${image.version} did not reach ${left.map((node) => `${node} (${this.#why(node)})`).join(', ')}`;
    await this.#do({ type: 'FailDistribution', data: { reason } });
    throw new DistributionError(reason);
  }

  /** True when the command was accepted. */
  #do(command: DistributionCommand extends infer C ? (C extends DistributionCommand ? Omit<C, 'at'> : never) : never): Promise<boolean> {
    const { distributionId, metadata } = this.#request;
    const done = this.#tail.then(async () => {
      const timed = { ...command, at: this.#parts.clock.now().getTime() } as DistributionCommand;
      const result = await this.#handler.execute(distributionId, timed, { metadata });
      if (result.ok) this.#state = result.state;
      // Another image manager leads by now; whoever asked for the distribution asks again.
      else if (result.reason === 'stale-epoch') throw new ConnectError(result.detail, Code.Unavailable);
      return result.ok;
    });
    this.#tail = done.catch(() => undefined);
    return done;
  }

  #agent(nodeId: string) {
    return this.#parts.bus.client(nodev1.NodeAgentService, nodeId);
  }

  #why(nodeId: string): string {
    return this.#errors.get(nodeId) ?? 'it did not answer for itself';
  }

  #planned(): Planned {
    if (this.#state.status === 'none') throw new Error('the distribution is not planned');
    return this.#state;
  }

  #status(): Status {
    const { rounds, bytesPerNode, nodes } = this.#planned();
    return {
      rounds,
      nodesTotal: this.#request.nodes.length,
      bytesDone: bytesReceived(this.#state),
      bytesTotal: nodes.length * bytesPerNode,
      receipts: [...this.#receipts.values()],
    };
  }

  #tell(): void {
    this.#request.onProgress(this.#status());
  }
}

function contentBytes({ chunks }: StoredVersion): number {
  return chunks.reduce((sum, { size }) => sum + size, 0);
}

function nodesBelow(tree: TreeNode): readonly TreeNode[] {
  return tree.children.flatMap((child) => [child, ...nodesBelow(child)]);
}

interface Subtree {
  readonly nodeId: string;
  readonly round: number;
  readonly children: Subtree[];
}

function subtree({ nodeId, round, children }: TreeNode): Subtree {
  return { nodeId, round, children: children.map(subtree) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

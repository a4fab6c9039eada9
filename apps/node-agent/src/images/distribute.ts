/**
 * One node's part in a binomial distribution tree (R31). A node that holds the image serves one child in each round, in order; a child that
 * is complete serves its own children at once, in parallel with the later rounds of its parent. With n nodes everyone has the image after
 * ceil(log2 n) rounds, and each link carries each chunk once.
 *
 * A child that fails is a receipt with an error. Its own children are then served from here, so that one bad node costs time, not nodes.
 */
import { nodev1 } from '@verbena/contracts';
import { create } from '@bufbuild/protobuf';
import { messageOf } from '../errors.ts';

export interface ChunkRef {
  readonly digest: string;
  readonly size: number;
}

/** What a parent asks of one child. Each call has its own deadline. */
export interface ChildPort {
  missing(nodeId: string, digests: readonly string[]): Promise<readonly string[]>;
  receive(nodeId: string, digest: string, data: Uint8Array): Promise<void>;
  prepare(nodeId: string, subtree: nodev1.Subtree): Promise<readonly nodev1.NodeReceipt[]>;
}

export interface ServeOptions {
  readonly chunks: readonly ChunkRef[];
  readonly read: (digest: string) => Promise<Uint8Array>;
  readonly port: ChildPort;
  /** Runs around the sending to one child. */
  readonly edge?: (child: nodev1.Subtree, send: () => Promise<Sent>) => Promise<Sent>;
}

const chunksInFlight = 4;

/** Serves the subtrees below this node; resolves with the receipts of all their nodes, and never rejects. */
export async function serveChildren(children: readonly nodev1.Subtree[], options: ServeOptions): Promise<nodev1.NodeReceipt[]> {
  const { edge = (_child, send) => send() } = options;
  const receipts: Promise<nodev1.NodeReceipt[]>[] = [];
  for (const child of [...children].sort((a, b) => a.round - b.round)) {
    try {
      const sent = await edge(child, () => push(child.nodeId, options));
      receipts.push(delegate(child, sent, options));
    } catch (error) {
      receipts.push(adopt(child, messageOf(error), options));
    }
  }
  return (await Promise.all(receipts)).flat();
}

export interface Sent {
  readonly bytes: number;
  readonly chunks: number;
}

async function push(nodeId: string, { chunks, read, port }: ServeOptions): Promise<Sent> {
  const missing = new Set(await port.missing(nodeId, [...new Set(chunks.map(({ digest }) => digest))]));
  const queue = [...missing];
  let bytes = 0;
  const sender = async (): Promise<void> => {
    for (let digest = queue.shift(); digest !== undefined; digest = queue.shift()) {
      const data = await read(digest);
      await port.receive(nodeId, digest, data);
      bytes += data.length;
    }
  };
  await Promise.all(Array.from({ length: Math.min(chunksInFlight, missing.size) }, sender));
  return { bytes, chunks: missing.size };
}

/** Lets a complete child serve its subtree. Its own receipt carries what was sent to it, which only its parent counted. */
async function delegate(child: nodev1.Subtree, sent: Sent, options: ServeOptions): Promise<nodev1.NodeReceipt[]> {
  try {
    const receipts = await options.port.prepare(child.nodeId, child);
    return receipts.map((receipt) => (receipt.nodeId === child.nodeId ? receiptOf(child, sent, receipt.error) : receipt));
  } catch (error) {
    return adopt(child, messageOf(error), options);
  }
}

async function adopt(child: nodev1.Subtree, error: string, options: ServeOptions): Promise<nodev1.NodeReceipt[]> {
  return [receiptOf(child, { bytes: 0, chunks: 0 }, error), ...(await serveChildren(child.children, options))];
}

export function receiptOf(node: { readonly nodeId: string; readonly round: number }, sent: Sent, error: string): nodev1.NodeReceipt {
  return create(nodev1.NodeReceiptSchema, {
    nodeId: node.nodeId,
    round: node.round,
    bytesReceived: BigInt(sent.bytes),
    chunksReceived: sent.chunks,
    error,
  });
}

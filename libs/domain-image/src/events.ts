/** Two aggregates: a named image with its immutable versions (stream `image-<name>`), and a distribution (stream named by its id). */
import type { DomainEvent } from '@verbena/event-sourcing';
import type { TreeNode } from './tree.ts';

export interface ChunkRef {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export interface ImageContent {
  /** SHA-256 of the manifest's bytes. */
  readonly digest: string;
  /** The canonical manifest, JSON text. */
  readonly manifest: string;
  readonly chunks: readonly ChunkRef[];
}

interface Event<T extends string, D> extends DomainEvent {
  readonly type: T;
  readonly data: D & { readonly at: number };
}

export interface ImageVersion extends ImageContent {
  readonly name: string;
  /** From 1. */
  readonly version: number;
  readonly owner: string;
  /** Visible to everyone. */
  readonly public: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export type ImageEvent = Event<'ImageRegistered', ImageVersion>;

export type DistributionEvent =
  | Event<
      'DistributionPlanned',
      {
        imageDigest: string;
        jobId: string;
        nodes: readonly string[];
        alreadyThere: readonly string[];
        rounds: number;
        trees: readonly TreeNode[];
        bytesPerNode: number;
      }
    >
  | Event<'NodeReceived', { nodeId: string; round: number; bytes: number; chunks: number }>
  /** Some nodes could not be served; a tree over those is tried again. */
  | Event<'DistributionReplanned', { failed: Readonly<Record<string, string>>; rounds: number; trees: readonly TreeNode[] }>
  | Event<'DistributionCompleted', { bytes: number }>
  | Event<'DistributionFailed', { reason: string }>;

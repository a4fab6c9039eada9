/** What the main thread and the link worker tell each other. */
import type { MessagePort } from 'node:worker_threads';
import type { PortMessage, WireInit } from '@verbena/hca';

export interface WorkerStart {
  readonly wire: WireInit;
  readonly listen: string;
  /** What peers call this process; from `listen` and the port that it got when absent. */
  readonly advertise: string | undefined;
  readonly secret: Uint8Array;
  readonly incarnation: bigint;
  readonly port: MessagePort;
}

export type ToWorker =
  | PortMessage
  | { readonly kind: 'peer'; readonly link: number; readonly endpoint: string }
  /** Nothing goes to this endpoint any more; its link may be another's. */
  | { readonly kind: 'part'; readonly endpoint: string }
  | { readonly kind: 'close' };

export type FromWorker =
  | { readonly kind: 'listening'; readonly endpoint: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'link'; readonly endpoint: string; readonly up: boolean; readonly reason: string }
  | { readonly kind: 'refused'; readonly from: string; readonly reason: string };

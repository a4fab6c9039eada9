export interface Limits {
  readonly qps: number;
  readonly cqs: number;
  readonly mrs: number;
  readonly pds: number;
  readonly srqs: number;
}

/** What one domain may take of the adapter. Each limit is far below the size of the table that all domains of the process divide. */
export const LIMITS = {
  qps: 1024,
  cqs: 64,
  mrs: 4096,
  pds: 16,
  srqs: 64,
  /** Scatter/gather entries of a request in a shared receive queue. */
  srqSge: 3,
  /** Entries of a send or receive queue. */
  queueEntries: 16384,
  cqEntries: 65536,
  sge: 14,
  inlineBytes: 224,
  messageBytes: 2 ** 30,
  /** Multicast groups that a domain may join, and places in them that its queue pairs may take together. */
  groups: 8,
  attachments: 64,
} as const;

export const SQ_STRIDES: readonly number[] = [64, 128, 256];
export const SRQ_STRIDES: readonly number[] = [32, 64];
export const RQ_STRIDES: readonly number[] = [32, 64, 128];

/** What a virtual function may take (SR-IOV): a fraction of what the physical function gives a domain. */
export const VF_LIMITS: Limits = { qps: 512, cqs: 16, mrs: 1024, pds: 4, srqs: 16 };

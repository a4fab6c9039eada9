/** Which stored checkpoints are let go, so that storage does not grow without end. */
import type { StoredCheckpoint } from './state.ts';

export interface Retention {
  /** Of one job. */
  readonly mostPerJob: number;
  /** Of the cluster. */
  readonly most: number;
}

/**
 * Ids of those that are too many, the oldest first. The newest of each job goes only when the cluster has too many.
 * @param stored in the order in which they were begun
 */
export function superfluous(stored: readonly (readonly [string, StoredCheckpoint])[], { mostPerJob, most }: Retention): readonly string[] {
  const later = new Map<string, number>();
  const gone = new Set<string>();
  for (const [id, { jobId }] of stored.toReversed()) {
    const seen = later.get(jobId) ?? 0;
    later.set(jobId, seen + 1);
    if (seen >= mostPerJob) gone.add(id);
  }
  const left = stored.filter(([id]) => !gone.has(id));
  for (const [id] of left.slice(0, Math.max(0, left.length - most))) gone.add(id);
  return stored.map(([id]) => id).filter((id) => gone.has(id));
}

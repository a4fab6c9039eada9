/**
 * Whom an event concerns: the aggregate of its stream, the unit of work it was done for, and every job, VM, node, distribution and migration that
 * its payload names in a field made for it. One definition, which filters and the index of events share.
 */
import type { RecordedEvent } from './event-store.ts';

const identifier = /^(?:job|vm|node|dist|mig)-[a-z0-9][a-z0-9-]{0,59}$/;
/** Fields of identifiers: "vmId", "sourceNodeId", and lists of them. What a user wrote (specifications, names, reasons) is not looked at. */
const named = /(?:^|[a-z])Ids?$|^(?:nodes|alreadyThere|evicted|vms)$/;
const users = new Set(['spec', 'labels', 'env', 'args', 'manifest']);
const deepest = 8;
const most = 4_096;

/** The identifiers, each once, the stream's own first. */
export function subjectsOf({ stream, metadata, event }: Pick<RecordedEvent, 'stream' | 'metadata' | 'event'>): readonly string[] {
  const found = new Set<string>([stream]);
  if (metadata.correlationId !== undefined) found.add(metadata.correlationId);
  collect(event.data, false, found, 0);
  return [...found];
}

/** Whether an event concerns somebody; cheaper than looking for all whom it concerns. */
export function concerns(recorded: Pick<RecordedEvent, 'stream' | 'metadata' | 'event'>, subject: string): boolean {
  return recorded.stream === subject || recorded.metadata.correlationId === subject || subjectsOf(recorded).includes(subject);
}

function collect(value: unknown, isName: boolean, found: Set<string>, depth: number): void {
  if (found.size >= most || depth > deepest) return;
  if (typeof value === 'string') {
    if (isName && identifier.test(value)) found.add(value);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, isName, found, depth + 1);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) if (!users.has(key)) collect(inner, named.test(key), found, depth + 1);
  }
}

/** What must be true of a trace, whatever it is of. */
import type { CollectedSpan } from './span.ts';

/** Clocks of processes on one machine differ by less; nanoseconds. */
const skew = 20_000_000n;
const allZero = /^0*$/;

/**
 * Looks at the spans of one trace.
 * @returns a line for each thing that is wrong: ids, times, a parent that is missing, several roots, a child that began before its parent
 */
export function traceProblems(spans: readonly CollectedSpan[]): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const problems: string[] = [];
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === '');
  if (roots.length !== 1) problems.push(`${roots.length} roots: ${roots.map(describe).join(', ')}`);
  if (byId.size !== spans.length) problems.push('a span id appears twice');
  if (new Set(spans.map(({ traceId }) => traceId)).size !== 1) problems.push('several traces');
  for (const span of spans) {
    if (span.traceId.length !== 32 || span.spanId.length !== 16 || allZero.test(span.traceId) || allZero.test(span.spanId))
      problems.push(`${describe(span)} has ids that the specification does not allow`);
    if (span.end < span.start) problems.push(`${describe(span)} ends before it begins`);
    if (span.service === '') problems.push(`${describe(span)} has no service.name`);
    if (span.parentSpanId === '') continue;
    const parent = byId.get(span.parentSpanId);
    if (parent === undefined) problems.push(`${describe(span)} has a parent that nobody exported`);
    else if (span.start + skew < parent.start) problems.push(`${describe(span)} begins before its parent ${describe(parent)}`);
    else if (span.start > parent.end + skew) problems.push(`${describe(span)} begins after its parent ${describe(parent)} has ended`);
  }
  return problems;
}

function describe({ name, service, spanId }: CollectedSpan): string {
  return `${service} "${name}" (${spanId})`;
}

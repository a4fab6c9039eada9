/**
 * The life of a job as a tree of stages with their times, put together from what the event log has of it. So it is there for every job, also when
 * nobody collected traces, and also long after. Its stages are those of the trace: queue, image (an edge of the distribution tree each), boot (a VM
 * each), run (a rank each), end.
 */
import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { eventv1 } from '@verbena/contracts';
import { humanBytes } from '../terminal/units.ts';

export interface Stage {
  readonly label: string;
  /** Milliseconds since 1970. */
  readonly start: number;
  /** Undefined while it goes on. */
  readonly end: number | undefined;
  readonly children: readonly Stage[];
}

interface Told {
  readonly type: string;
  readonly stream: string;
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Tree {
  readonly nodeId: string;
  readonly children: readonly Tree[];
}

const ends = new Set(['JobCompleted', 'JobFailed', 'JobCancelled']);

/** @param events all on behalf of one job, in the order of the log */
export function jobTimeline(jobId: string, events: readonly eventv1.Event[]): Stage {
  const told = events.map(tell);
  const own = told.filter(({ stream }) => stream === jobId);
  const first = own[0]?.at ?? told[0]?.at ?? 0;
  const stages: Stage[] = [];
  let since = first;
  let name = 'queue';
  let began = 0;
  for (const [index, event] of own.entries()) {
    const next = nextStage[event.type] ?? (ends.has(event.type) ? '' : undefined);
    if (next === undefined || next === name) continue;
    // What was written together with what comes next took no time.
    if (event.at > since || next === '' || index === own.length - 1 || name === 'run')
      stages.push({ label: name, start: since, end: event.at, children: within(name, told, since, event.at) });
    [since, name, began] = [event.at, next, index];
  }
  if (name !== '' && began < own.length)
    stages.push({ label: name, start: since, end: undefined, children: within(name, told, since, Infinity) });
  const last = own.at(-1);
  const over = last !== undefined && ends.has(last.type);
  return { label: jobId, start: first, end: over ? last.at : undefined, children: stages };
}

/** Which stage begins with an event. */
const nextStage: Readonly<Record<string, string>> = {
  JobPlaced: 'image',
  JobImageReady: 'boot',
  JobStarted: 'run',
  JobEnding: 'end',
  JobRequeued: 'queue',
};

function within(stage: string, told: readonly Told[], from: number, to: number): readonly Stage[] {
  const those = told.filter(({ at }) => at >= from && at <= to);
  if (stage === 'image') return distributions(those);
  if (stage === 'boot') return boots(those);
  if (stage === 'run') return ranks(told, from);
  return [];
}

function distributions(told: readonly Told[]): readonly Stage[] {
  const received = new Map(
    told.flatMap(({ type, at, data }) => (type === 'NodeReceived' ? [[String(data['nodeId']), { at, data }] as const] : [])),
  );
  const edges = ({ nodeId, children }: Tree, from: string, start: number): Stage => {
    const here = received.get(nodeId);
    const bytes = here === undefined ? '' : ` ${humanBytes(Number(here.data['bytes'] ?? 0))}`;
    const below = children.map((child) => edges(child, nodeId, here?.at ?? start));
    return { label: `${from} to ${nodeId}${bytes}`, start, end: here?.at, children: below };
  };
  return told.flatMap(({ type, at, data }) =>
    type === 'DistributionPlanned' || type === 'DistributionReplanned'
      ? (data['trees'] as Tree[]).map((tree) => edges(tree, 'storage', at))
      : [],
  );
}

function boots(told: readonly Told[]): readonly Stage[] {
  const nodes = new Map(
    told.flatMap(({ type, stream, data }) => (type === 'VmCreated' ? [[stream, String(data['nodeId'])] as const] : [])),
  );
  return told.flatMap(({ type, stream, at, data }) => {
    if (type !== 'VmBooted') return [];
    const label = [stream, nodes.get(stream) ?? ''].join(' ').trim();
    return [{ label, start: at - Number(data['seconds'] ?? 0) * 1_000, end: at, children: [] }];
  });
}

function ranks(told: readonly Told[], from: number): readonly Stage[] {
  const after = told.filter(({ at }) => at >= from);
  const exits = new Map(
    after.flatMap(({ type, at, data }) => (type === 'RankExited' ? [[Number(data['rank']), { at, data }] as const] : [])),
  );
  const started = after.flatMap(({ type, stream, at, data }) =>
    type === 'VmStarted' ? [{ rank: Number(data['rank']), vm: stream, at }] : [],
  );
  return started
    .sort((a, b) => a.rank - b.rank)
    .map(({ rank, vm, at }) => {
      const exit = exits.get(rank);
      const how = exit === undefined ? '' : exit.data['cause'] === 'exited' ? '' : ` ${String(exit.data['cause'])}`;
      return { label: `rank ${rank} ${vm}${how}`, start: at, end: exit?.at, children: [] };
    });
}

function tell({ type, stream, time, data }: eventv1.Event): Told {
  const at = time === undefined ? 0 : timestampDate(time).getTime();
  try {
    return { type, stream, at, data: JSON.parse(new TextDecoder().decode(data)) as Record<string, unknown> };
  } catch {
    return { type, stream, at, data: {} };
  }
}

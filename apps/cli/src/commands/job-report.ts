/** A job in detail, as lines for people. */
import { jobv1 } from '@verbena/contracts';
import { shortDigest } from '../terminal/digests.ts';
import { enumName } from '../terminal/json.ts';
import { factLines, tableLines, type Column } from '../terminal/table.ts';
import { plainLines, wrap } from '../terminal/text.ts';
import { localTime } from '../terminal/times.ts';
import { humanBytes, humanSeconds } from '../terminal/units.ts';

const phases = ['queue', 'distribute', 'boot', 'run'] as const;

const rankColumns: readonly Column<jobv1.RankPlacement>[] = [
  { title: 'RANK', value: ({ rank }) => String(rank), align: 'right' },
  { title: 'NODE', value: ({ nodeName, nodeId }) => nodeName || nodeId, least: 6 },
  { title: 'VM', value: ({ vmId }) => vmId },
  { title: 'STATE', value: ({ state }) => enumName(jobv1.RankStateSchema, state) },
  { title: 'EXIT', value: ({ state, exitCode }) => (state >= jobv1.RankState.EXITED ? String(exitCode) : ''), align: 'right' },
  { title: 'SENT', value: ({ bytesSent }) => humanBytes(bytesSent), align: 'right' },
  { title: 'MSGS', value: ({ messagesSent }) => String(messagesSent), align: 'right' },
  { title: 'CPU', value: ({ cpuSeconds }) => humanSeconds(cpuSeconds), align: 'right' },
  { title: 'MEMORY', value: ({ memoryBytesUsed }) => humanBytes(memoryBytesUsed), align: 'right' },
];

/** "queue 3 ms, distribute 20 ms, boot 41 ms, run 1.2 s": the phases that the job has seen. */
export function phaseText(phaseSeconds: Readonly<Record<string, number>>): string {
  return phases
    .filter((phase) => phaseSeconds[phase] !== undefined)
    .map((phase) => `${phase} ${humanSeconds(phaseSeconds[phase] ?? 0)}`)
    .join(', ');
}

/** "guest 97.1%, VMM 1.9%, ...": whose the time was that nobody slept (Table 2 of the paper); empty for a job too short to be sampled. */
export function timeSplit(seconds: ReadonlyMap<string, number>): string {
  const names = { guest: 'guest', adapter: 'adapter', vmm: 'VMM', 'driver-domain': 'driver domain' };
  const busy = Object.keys(names).reduce((sum, name) => sum + (seconds.get(name) ?? 0), 0);
  if (busy <= 0) return '';
  return Object.entries(names)
    .map(([name, text]) => `${text} ${((100 * (seconds.get(name) ?? 0)) / busy).toFixed(1)}%`)
    .join(', ');
}

/** The counters of all ranks together, once they have ended. */
function ioFacts(ranks: readonly jobv1.RankPlacement[]): (readonly [string, string])[] {
  const ended = ranks.flatMap(({ io }) => io ?? []);
  if (ended.length === 0) return [];
  const sum = (pick: (io: jobv1.RankIo) => bigint): bigint => ended.reduce((total, io) => total + pick(io), 0n);
  const vmm = ranks.reduce((total, { dataPathVmmOperations }) => total + dataPathVmmOperations, 0n);
  const operations = [
    `${String(sum((io) => io.adapterOperations))} adapter`,
    `${String(vmm)} VMM`,
    `${String(sum((io) => io.driverDomainOperations))} driver domain`,
  ];
  const messages = sum((io) => io.channelMessages);
  const frames = sum((io) => io.networkFrames);
  const channel = messages === 0n ? '' : `; ${String(messages)} messages by shared memory`;
  const network = frames === 0n ? '' : `; ${String(frames)} frames of ${humanBytes(sum((io) => io.networkBytes))}`;
  const seconds = new Map<string, number>();
  for (const io of ended) for (const [doing, value] of Object.entries(io.seconds)) seconds.set(doing, (seconds.get(doing) ?? 0) + value);
  const facts: (readonly [string, string])[] = [['Time', timeSplit(seconds)]];
  return [
    ...facts,
    ['I/O', `operations on the data path: ${operations.join(', ')}; ${humanBytes(sum((io) => io.copiedBytes))} copied${channel}${network}`],
  ];
}

function facts(job: jobv1.Job): (readonly [string, string])[] {
  const { spec } = job;
  const command = [spec?.name ?? '', ...(spec?.args ?? [])].join(' ').trim();
  const state = enumName(jobv1.JobStateSchema, job.state);
  const rows: (readonly [string, string])[] = [
    ['Job', job.id],
    ['Program', command],
    ['State', job.endedAt ? `${state}, exit code ${job.exitCode}` : state],
    ['Image', [spec?.image.startsWith('sha256:') ? '' : (spec?.image ?? ''), shortDigest(job.imageDigest)].join(' ').trim()],
    ['Submitted', `${localTime(job.submittedAt)} by ${job.actor || 'unknown'}`],
    ['Started', localTime(job.startedAt)],
    ['Ended', localTime(job.endedAt)],
    ['Went on', job.restoredFrom === '' ? '' : `from checkpoint ${job.restoredFrom}`],
    ['Attempt', job.attempt > 1 ? `${job.attempt}; requeued ${job.requeues} times` : ''],
    ['Phases', phaseText(job.phaseSeconds)],
    ['VMs', `${job.vmsBooted} booted, ${job.vmsReused} reused; ${humanBytes(job.imageBytesTransferred)} of image transferred`],
    ['I/O path', enumName(jobv1.IoPathSchema, spec?.ioPath ?? jobv1.IoPath.BYPASS)],
    ...ioFacts(job.ranks),
    ['Output', job.outputFiles > 0 ? `${job.outputFiles} files: verbena files ${job.id}` : ''],
    ['Trace', job.traceId],
  ];
  return rows.filter(([, value]) => value !== '' && value !== '-');
}

/** The lines of the report; ranks that left a report of their own (a crash, an abort) follow the table. */
export function jobReport(job: jobv1.Job, width: number, _now: Date): string[] {
  const lines = factLines(facts(job), width);
  if (job.reason) lines.push('', wrap(plainLines(job.reason), width));
  if (job.ranks.length > 0) lines.push('', ...tableLines(rankColumns, job.ranks, width));
  for (const { rank, detail } of job.ranks)
    if (detail)
      lines.push(
        '',
        `rank ${rank}:`,
        ...plainLines(detail)
          .split('\n')
          .map((line) => `  ${line}`),
      );
  return lines;
}

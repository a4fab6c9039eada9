/** Where the jobs of a campaign truly were when a process died: what was aimed at may have been over by then, or not begun. */
import { concerns, type RecordedEvent } from '@verbena/event-sourcing';

/** The steps of a job in their order, each with the event after which it has been made. */
const madeBy = [
  // Between these two a job stays for less than a millisecond.
  ['JobSubmitted', 'queued'],
  ['JobMatched', 'queued'],
  ['JobRequeued', 'queued'],
  ['JobPlaced', 'placed'],
  ['DistributionPlanned', 'image under way'],
  ['NodeReceived', 'image under way'],
  ['JobImageReady', 'image ready'],
  ['VmCreated', 'VMs booting'],
  ['VmBooted', 'VMs booting'],
  ['JobStarted', 'job started'],
  ['VmStarted', 'running'],
  ['RankExited', 'ranks exiting'],
  ['JobEnding', 'job ending'],
  ['OutputSealed', 'output sealed'],
  ['JobCompleted', 'completed'],
] as const;

const migrationMadeBy = [
  ['MigrationStarted', 'begun'],
  ['MigrationRoundDone', 'rounds'],
  // The ranks come to a stand, the VM is suspended and its last pages are sent.
  ['MigrationQuiescing', 'standing still'],
  ['MigrationHandedOver', 'handed over'],
  ['MigrationCompleted', 'moved'],
] as const;

type Made = readonly (readonly [type: string, stage: string])[];

const stagesOf = (made: Made): readonly string[] => [...new Set(made.map(([, stage]) => stage))];
export const jobStages = ['not submitted', ...stagesOf(madeBy)];
export const migrationStages = ['not begun', ...stagesOf(migrationMadeBy)];

/** What no victim may have been spared, in a campaign that is long enough: stages last from half a millisecond to half a second. */
export const jobPhases: Readonly<Record<string, readonly string[]>> = {
  start: ['queued', 'placed', 'image under way', 'image ready', 'VMs booting', 'job started'],
  run: ['running'],
  end: ['ranks exiting', 'job ending', 'output sealed'],
};

/** The furthest step that a job has made of its present attempt. */
export function jobStage(events: readonly RecordedEvent[], jobId: string): string {
  const own = events.filter((event) => concerns(event, jobId));
  return (
    furthest(
      own.slice(
        Math.max(
          0,
          own.findLastIndex(({ event }) => event.type === 'JobRequeued'),
        ),
      ),
      madeBy,
    ) ?? 'not submitted'
  );
}

/** The furthest step of a migration, which is the only one. */
export function migrationStage(events: readonly RecordedEvent[]): string {
  return furthest(events, migrationMadeBy) ?? 'not begun';
}

function furthest(events: readonly RecordedEvent[], made: Made): string | undefined {
  const types = new Set(events.map(({ event }) => event.type));
  return made.findLast(([type]) => types.has(type))?.[1];
}

/** How often each victim died while a job, or a migration, was at each step. */
export class Hits {
  readonly #stages: readonly string[];
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(stages: readonly string[], victims: readonly string[]) {
    this.#stages = stages;
    for (const victim of victims) this.#counts.set(victim, new Map(stages.map((stage) => [stage, 0])));
  }

  add(victim: string, stage: string): void {
    const row = this.#counts.get(victim);
    row?.set(stage, (row.get(stage) ?? 0) + 1);
  }

  /** Phases in which a victim never died, as "victim in phase". */
  missing(phases: Readonly<Record<string, readonly string[]>>): readonly string[] {
    return [...this.#counts].flatMap(([victim, row]) =>
      Object.entries(phases)
        .filter(([, stages]) => stages.every((stage) => !row.get(stage)))
        .map(([phase]) => `${victim} in ${phase}`),
    );
  }

  /** A line for each stage, a column for each victim. */
  table(): string {
    const victims = [...this.#counts.keys()];
    const first = Math.max(...this.#stages.map(({ length }) => length));
    const line = (head: string, cells: readonly string[]): string =>
      [head.padEnd(first), ...cells.map((cell, index) => cell.padStart(victims[index]?.length ?? 0))].join('  ');
    const rows = this.#stages.map((stage) =>
      line(
        stage,
        victims.map((victim) => String(this.#counts.get(victim)?.get(stage) ?? 0)),
      ),
    );
    return [line('', victims), ...rows].join('\n');
  }
}

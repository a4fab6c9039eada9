/** The runs of a campaign of kill -9: each is a job, a victim and a moment, all from the run's number. */
import { seededRandom } from '@verbena/service-kit/testing';

/** Steps of a job from its submission until its VMs are idle: the event that shows it, and how long after that the kill may come at most. */
export const killSteps = [
  { name: 'submitted', event: 'JobSubmitted', withinMs: 40 },
  { name: 'placed', event: 'JobPlaced', withinMs: 40 },
  { name: 'distribution planned', event: 'DistributionPlanned', withinMs: 40 },
  { name: 'image received', event: 'NodeReceived', withinMs: 40 },
  { name: 'VM created', event: 'VmCreated', withinMs: 40 },
  { name: 'VM booted', event: 'VmBooted', withinMs: 40 },
  { name: 'job started', event: 'JobStarted', withinMs: 40 },
  { name: 'VM started', event: 'VmStarted', withinMs: 40 },
  { name: 'running', event: 'VmStarted', withinMs: 400 },
  { name: 'rank exited', event: 'RankExited', withinMs: 40 },
  { name: 'job ending', event: 'JobEnding', withinMs: 40 },
  { name: 'output sealed', event: 'OutputSealed', withinMs: 40 },
  { name: 'job completed', event: 'JobCompleted', withinMs: 40 },
  { name: 'VMs idle', event: 'JobCompleted', withinMs: 600 },
] as const;
export type KillStep = (typeof killSteps)[number];

/** Steps that only a job comes to which boots VMs, or whose image is nowhere yet. */
const boots: ReadonlySet<string> = new Set(['distribution planned', 'image received', 'VM created', 'VM booted']);
const travels: ReadonlySet<string> = new Set(['distribution planned', 'image received']);

export interface KillRun {
  readonly seed: number;
  readonly victim: string;
  readonly step: KillStep;
  /** After the step was seen. */
  readonly delayMs: number;
  readonly processes: number;
  /** Memory of the VMs, so that some runs find no idle ones and boot. */
  readonly memoryBytes: bigint;
  /** The image is one that no node has. */
  readonly freshImage: boolean;
}

const page = 65_536;
const leastPages = 256;

/** Victims and steps in turn, so that each comes with each; the rest by the seed. */
export function killRun(seed: number, victims: readonly string[], mostProcesses: number): KillRun {
  const random = seededRandom(seed * 7919 + 1);
  const roll = (sides: number): number => ((random(1)[0] ?? 0) * 256 + (random(1)[0] ?? 0)) % sides;
  roll(2);
  const round = Math.floor(seed / victims.length);
  const step = killSteps[(seed + round) % killSteps.length] ?? killSteps[0];
  const delayMs = roll(step.withinMs);
  const processes = 1 + roll(mostProcesses);
  const pages = leastPages + (boots.has(step.name) ? 8 + (seed % 1024) : roll(3));
  const freshImage = travels.has(step.name) || roll(6) === 0;
  return { seed, victim: victims[seed % victims.length] ?? '', step, delayMs, processes, memoryBytes: BigInt(pages * page), freshImage };
}

/** Steps of a migration. */
export const moveSteps = [
  { name: 'begun', event: 'MigrationStarted', withinMs: 60 },
  { name: 'a round sent', event: 'MigrationRoundDone', withinMs: 30 },
  { name: 'quiescing', event: 'MigrationQuiescing', withinMs: 40 },
  { name: 'suspended', event: 'MigrationSuspended', withinMs: 30 },
  { name: 'handed over', event: 'MigrationHandedOver', withinMs: 40 },
  { name: 'moved', event: 'MigrationCompleted', withinMs: 60 },
] as const;

export interface MoveRun {
  readonly seed: number;
  /** A process, "postgres", or "cancel": then nobody dies, and the migration is cancelled. */
  readonly victim: string;
  readonly step: (typeof moveSteps)[number];
  readonly delayMs: number;
  readonly transport: 'tcp' | 'rdma';
  /** Whose VM moves. */
  readonly rank: number;
}

/** Victims and steps in turn, so that each comes with each; the rest by the seed. */
export function moveRun(seed: number, victims: readonly string[]): MoveRun {
  const random = seededRandom(seed * 6271 + 5);
  const roll = (sides: number): number => ((random(1)[0] ?? 0) * 256 + (random(1)[0] ?? 0)) % sides;
  const step = moveSteps[(seed + Math.floor(seed / victims.length)) % moveSteps.length] ?? moveSteps[0];
  const transport = roll(2) === 0 ? 'tcp' : 'rdma';
  return { seed, victim: victims[seed % victims.length] ?? '', step, delayMs: roll(step.withinMs), transport, rank: roll(2) };
}

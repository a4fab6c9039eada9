/** The runs of a campaign of kill -9: each is a job, a victim and a moment, all from the run's number. */
import { seededRandom } from '@verbena/service-kit/testing';

/**
 * Steps of a job from its submission until its VMs are idle: the event that shows it, none for the submission itself, and how long after that the kill may
 * come at most.
 */
export const killSteps = [
  { name: 'submitting', event: undefined, withinMs: 20 },
  { name: 'submitted', event: 'JobSubmitted', withinMs: 40 },
  { name: 'matched', event: 'JobMatched', withinMs: 40 },
  { name: 'placed', event: 'JobPlaced', withinMs: 40 },
  { name: 'distribution planned', event: 'DistributionPlanned', withinMs: 40 },
  { name: 'image received', event: 'NodeReceived', withinMs: 40 },
  { name: 'image ready', event: 'JobImageReady', withinMs: 40 },
  { name: 'VM created', event: 'VmCreated', withinMs: 40 },
  { name: 'VM booted', event: 'VmBooted', withinMs: 40 },
  { name: 'job started', event: 'JobStarted', withinMs: 40 },
  { name: 'VM started', event: 'VmStarted', withinMs: 40 },
  { name: 'running', event: 'VmStarted', withinMs: 500 },
  { name: 'rank exited', event: 'RankExited', withinMs: 10 },
  { name: 'VM idle', event: 'VmIdle', withinMs: 10 },
  { name: 'job ending', event: 'JobEnding', withinMs: 10 },
  { name: 'output sealed', event: 'OutputSealed', withinMs: 10 },
  { name: 'job completed', event: 'JobCompleted', withinMs: 40 },
  { name: 'all is over', event: 'JobCompleted', withinMs: 600 },
] as const;
export type KillStep = (typeof killSteps)[number];

/** Steps that only a job comes to which boots VMs, or whose image is nowhere yet. */
const boots: ReadonlySet<string> = new Set(['distribution planned', 'image received', 'VM created', 'VM booted']);
const travels: ReadonlySet<string> = new Set(['distribution planned', 'image received']);

/** A job of a run. */
export interface JobPlan {
  /** Its name, which its ranks print, and its idempotency key. */
  readonly name: string;
  readonly processes: number;
  /** Memory of the VMs, so that some find no idle ones and boot. */
  readonly memoryBytes: bigint;
  /** How often the ranks meet, every 20 ms or so. */
  readonly rounds: number;
}

export interface KillRun {
  readonly seed: number;
  readonly victim: string;
  readonly step: KillStep;
  /** After the step was seen. */
  readonly delayMs: number;
  /** The job whose step it is. */
  readonly job: JobPlan;
  /** The image is one that no node has. */
  readonly freshImage: boolean;
  /** Under way at the same time, wherever they are when the victim dies: one submitted before the job, one after it. */
  readonly beside: readonly [before: JobPlan, after: JobPlan];
}

const page = 65_536;
const leastPages = 256;

/** Each victim with each step, once in victims x steps runs; the rest by the seed. */
export function killRun(seed: number, victims: readonly string[], mostProcesses: number): KillRun {
  const roll = dice(seed * 7919 + 1);
  const [victim, step] = pairOf(seed, victims, killSteps);
  const delayMs = delayWithin(step, roll);
  const pages = leastPages + (boots.has(step.name) ? 8 + (seed % 1024) : roll(3));
  const job = { name: `run-${String(seed)}`, processes: 1 + roll(mostProcesses), memoryBytes: BigInt(pages * page), rounds: 30 };
  const freshImage = travels.has(step.name) || roll(6) === 0;
  const small = (name: string): JobPlan => ({
    name: `${name}-${String(seed)}`,
    processes: 1,
    memoryBytes: BigInt((leastPages + roll(3)) * page),
    rounds: 1 + roll(60),
  });
  return { seed, victim, step, delayMs, job, freshImage, beside: [small('before'), small('after')] };
}

/** Steps of a migration. */
export const moveSteps = [
  { name: 'begun', event: 'MigrationStarted', withinMs: 60 },
  { name: 'a round sent', event: 'MigrationRoundDone', withinMs: 30 },
  { name: 'quiescing', event: 'MigrationQuiescing', withinMs: 40 },
  // Until the VM is handed over, which is one append with its suspension.
  { name: 'standing still', event: 'MigrationQuiescing', withinMs: 150 },
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

/** Each victim with each step; the rest by the seed. */
export function moveRun(seed: number, victims: readonly string[]): MoveRun {
  const roll = dice(seed * 6271 + 5);
  const [victim, step] = pairOf(seed, victims, moveSteps);
  return { seed, victim, step, delayMs: delayWithin(step, roll), transport: roll(2) === 0 ? 'tcp' : 'rdma', rank: roll(2) };
}

/** Victims in turn, and with every round of them each meets the step after its last one. */
function pairOf<Steps extends readonly [unknown, ...unknown[]]>(
  seed: number,
  victims: readonly string[],
  steps: Steps,
): readonly [string, Steps[number]] {
  const at = seed % victims.length;
  return [victims[at] ?? '', steps[(at + Math.floor(seed / victims.length)) % steps.length]];
}

/** None in every second run: what lasts a few milliseconds is over otherwise. */
function delayWithin({ withinMs }: { readonly withinMs: number }, roll: (sides: number) => number): number {
  return roll(2) === 0 ? 0 : roll(withinMs);
}

/** Whole numbers below `sides`, ever the same ones for a seed. */
function dice(seed: number): (sides: number) => number {
  const random = seededRandom(seed);
  const roll = (sides: number): number => ((random(1)[0] ?? 0) * 256 + (random(1)[0] ?? 0)) % sides;
  // The first bytes of seeds that lie close are alike.
  roll(2);
  return roll;
}

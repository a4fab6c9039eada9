/**
 * One run of a campaign of kill -9: one of the processes dies when the job has come to a step of its life, and two others are under way. Whatever died,
 * each job must complete, its output and its file must be what one run of the program writes, once, and the log must tell of one job that ended once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { concerns, type RecordedEvent } from '@verbena/event-sourcing';
import type { GuestImage } from '@verbena/guest-image';
import type { ProcessCluster } from '../process-cluster.ts';
import { jobStage } from './hits.ts';
import { imageOfSeed, push } from './images.ts';
import type { KillRun } from './plan.ts';
import { slay, submit, wrongEnd } from './story.ts';
import type { LogWatch } from './watch.ts';

/** A step that a job does not come to, since what it needed was there: then in the middle of whatever it does. */
const noSuchStepMs = 10_000;

export interface KillEnd {
  readonly wrong: string | undefined;
  /** Where the job was when the victim died, and the two beside it; or the migration. */
  readonly stages: readonly string[];
}

export async function runUnderKill(cluster: ProcessCluster, watch: LogWatch, program: GuestImage, run: KillRun): Promise<KillEnd> {
  const { job, beside, step } = run;
  const usual = await push(cluster, program, 'meets');
  const image = run.freshImage ? await push(cluster, imageOfSeed(program, run.seed), 'meets-fresh') : usual;
  const head = await watch.head();
  let own = '';
  const isStep = (event: RecordedEvent): boolean => {
    if (event.event.type === 'JobSubmitted' && nameOf(event.event.data) === job.name) own = event.stream;
    return own !== '' && event.event.type === step.event && concerns(event, own);
  };
  const kill = async (): Promise<bigint> => {
    if (step.event !== undefined) await watch.sees(head, isStep, noSuchStepMs);
    await delay(run.delayMs);
    const until = await watch.head();
    await slay(cluster, run.victim);
    return until;
  };
  const [before, after] = beside;
  const first = await submit(cluster, usual, before);
  const submissions = async () => [await submit(cluster, image, job), await submit(cluster, usual, after)] as const;
  const [until, [second, third]] = await Promise.all([kill(), submissions()]);
  const wrong: string[] = [];
  for (const [id, plan] of [
    [second, job],
    [first, before],
    [third, after],
  ] as const) {
    const found = await wrongEnd(cluster, id, plan);
    if (found !== undefined) wrong.push(`${plan.name}: ${found}`);
  }
  const events = await watch.between(head, until);
  return { wrong: wrong.length === 0 ? undefined : wrong.join('; '), stages: [second, first, third].map((id) => jobStage(events, id)) };
}

function nameOf(data: unknown): string | undefined {
  const { spec } = data as { spec?: { name?: string } };
  return spec?.name;
}

/**
 * One run of a campaign of kill -9: one of the processes dies when the job has come to a step of its life. Whatever died, the job must complete,
 * its output and its file must be what one run of the program writes, once, and the log must tell of one job that ended once.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { GuestImage } from '@verbena/guest-image';
import type { ProcessCluster } from '../process-cluster.ts';
import { imageOfSeed, push } from './images.ts';
import type { KillRun } from './plan.ts';
import { headOf, sees, slay, submit, wrongEnd } from './story.ts';

/** A step that a job does not come to, since what it needed was there: then in the middle of whatever it does. */
const noSuchStepMs = 3_000;
const rounds = 15;

/** Kills, and says what became of it: undefined, or what is wrong. */
export async function runUnderKill(cluster: ProcessCluster, program: GuestImage, run: KillRun): Promise<string | undefined> {
  const image = await push(cluster, run.freshImage ? imageOfSeed(program, run.seed) : program, run.freshImage ? 'meets-fresh' : 'meets');
  const job = { ...run, kind: 'run', rounds };
  const head = await headOf(cluster);
  const stop = new AbortController();
  const seen = sees(cluster, head, run.step.event, stop.signal);
  const killing = Promise.race([seen, delay(noSuchStepMs)]).then(async () => {
    await delay(run.delayMs);
    await slay(cluster, run.victim);
  });
  const id = await submit(cluster, image, job);
  await killing;
  stop.abort();
  return wrongEnd(cluster, id, job);
}

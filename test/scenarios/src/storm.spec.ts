/** Whatever users and machines do, in whatever order: every job ends, nothing is left over, and the cluster still works. The seed replays it. */
import { jobv1, vmv1 } from '@verbena/contracts';
import { anyImage, ControlPlane } from '@verbena/framework';
import { FakeHypervisor, type FakeProgram } from '@verbena/node-agent/testing';
import { afterEach, describe, expect, it } from 'vitest';

const { JobState } = jobv1;
const hosts = 3;
const cores = 2;
const steps = 40;

/** A 32-bit linear congruential generator (Knuth, The Art of Computer Programming, vol. 2, section 3.3.4). */
function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Programs that end well, crash, abort, hang or leave early, by job and rank. */
function programOf(seed: number): FakeProgram {
  return async ({ spec, killed }) => {
    const roll = dice(seed ^ (spec.rank * 7919) ^ Number(spec.jobSeed & 0xffffffn));
    roll(2);
    await spec.handlers.output('stdout', new TextEncoder().encode(`rank ${String(spec.rank)}\n`));
    const fate = roll(20);
    if (fate === 0) return { cause: 'trapped', exitCode: 134, detail: 'unreachable' };
    if (fate === 1) return { cause: 'no-finalize', exitCode: 0, detail: '' };
    if (fate === 2) return { cause: 'mpi-abort', exitCode: 7, detail: '' };
    await spec.handlers.rendezvous(0, Uint8Array.of(spec.rank)).catch(() => undefined);
    if (fate === 3) return new Promise((resolve) => killed.addEventListener('abort', () => resolve(undefined)));
    await pause(roll(30));
    return { exitCode: fate === 4 ? 3 : 0 };
  };
}

describe('a storm', () => {
  let plane: ControlPlane | undefined;
  afterEach(async () => {
    await plane?.stop();
    plane = undefined;
  });

  it.each([1, 2, 3, 4, 5])('of submissions, cancellations, lost nodes and restarts, seed %i', async (seed) => {
    const fakes: FakeHypervisor[] = [];
    const hypervisor = (index: number): FakeHypervisor => {
      const fake = new FakeHypervisor();
      fake.program = programOf(seed);
      fakes[index] = fake;
      return fake;
    };
    plane = await ControlPlane.start({ hosts, cores, hypervisor });
    await plane.image('one');
    await plane.image('two', anyImage(2));
    const ids = await storm(plane, dice(seed), fakes);
    for (const id of ids) expect(JobState[(await plane.ended(id)).state]).toMatch(/COMPLETED|FAILED|CANCELLED/);
    await settled(plane, fakes);
    for (const fake of fakes) fake.program = () => Promise.resolve(undefined);
    const last = await plane.run({ image: 'one', processes: hosts * cores });
    expect([last.reason, last.state]).toEqual(['', JobState.COMPLETED]);
  });
});

/** Forty things happen; all nodes are there in the end. Gives the jobs that were accepted. */
async function storm(plane: ControlPlane, roll: (sides: number) => number, fakes: readonly FakeHypervisor[]): Promise<string[]> {
  const ids: string[] = [];
  const away = new Set<number>();
  for (let step = 0; step < steps; step++) {
    for (const fake of fakes) expect(fake.domains().length).toBeLessThanOrEqual(cores);
    const what = roll(12);
    if (what < 6) {
      const walltime = { seconds: 0n, nanos: 200_000_000 + roll(500) * 1_000_000 };
      ids.push(await plane.submit({ image: roll(2) === 0 ? 'one' : 'two', processes: 1 + roll(hosts * cores), walltime }));
    } else if (what < 8 && ids.length > 0) await plane.cancel(ids[roll(ids.length)] ?? '');
    else if (what === 8) await leave(plane, roll(hosts), away);
    else if (what === 9) await comeBack(plane, away);
    else if (what === 10) {
      await plane.stopScheduler();
      await plane.startScheduler();
    } else await pause(roll(100));
  }
  while (away.size > 0) await comeBack(plane, away);
  return ids;
}

async function leave(plane: ControlPlane, index: number, away: Set<number>): Promise<void> {
  if (away.has(index)) return;
  away.add(index);
  await plane.stopNode(index);
}

async function comeBack(plane: ControlPlane, away: Set<number>): Promise<void> {
  for (const index of [...away].slice(0, 1)) {
    away.delete(index);
    await plane.startNode(index);
  }
}

/** The map of VMs shows what the hypervisors run, and nothing runs. */
async function settled(plane: ControlPlane, fakes: readonly FakeHypervisor[]): Promise<void> {
  await plane.until('the map shows the VMs that there are, and all are idle', async () => {
    const shown = (await plane.vms()).map(({ id, state }) => `${id} ${vmv1.VmState[state]}`).sort();
    const real = fakes.flatMap((fake) => fake.domains().map(({ id }) => `${id} IDLE`)).sort();
    return shown.join() === real.join();
  });
}

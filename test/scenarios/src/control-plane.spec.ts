import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jobv1 } from '@verbena/contracts';
import { anyImage, ControlPlane, type ControlPlaneOptions } from '@verbena/framework';
import { FakeHypervisor, type FakeProgram } from '@verbena/node-agent/testing';
import { afterEach, describe, expect, it } from 'vitest';

const { JobState, EndCause } = jobv1;
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

let plane: ControlPlane | undefined;
const hypervisors: FakeHypervisor[] = [];
afterEach(async () => {
  await plane?.stop();
  plane = undefined;
  hypervisors.length = 0;
});

async function start(program: FakeProgram, options: Partial<ControlPlaneOptions> = {}): Promise<ControlPlane> {
  const hypervisor = (index: number): FakeHypervisor => {
    const fake = new FakeHypervisor();
    fake.program = program;
    hypervisors[index] = fake;
    return fake;
  };
  plane = await ControlPlane.start({ hosts: 4, cores: 2, hypervisor, ...options });
  await plane.image('prog');
  return plane;
}

const untilKilled: FakeProgram = ({ killed }) => new Promise((resolve) => killed.addEventListener('abort', () => resolve(undefined)));

const meet: FakeProgram = async ({ spec }) => {
  const cards = await spec.handlers.rendezvous(0, Uint8Array.of(spec.rank));
  await spec.handlers.output('stdout', text(`${String(spec.rank)} on ${spec.nodeName} met ${[...cards].join('')}\n`));
  await writeFile(join(spec.scratchDir, 'result'), 'x');
  return {};
};

describe('a job goes through the house', () => {
  it('from submission to its files, eight ranks over four hosts', async () => {
    const { run, output, files, events } = bound(await start(meet));
    const job = await run({ image: 'prog', processes: 8 });
    expect([job.state, job.exitCode, job.reason]).toEqual([JobState.COMPLETED, 0, '']);
    expect(new Set(job.ranks.map(({ nodeId }) => nodeId)).size).toBe(4);
    expect([job.vmsBooted, job.vmsReused, Number(job.imageBytesTransferred)]).toEqual([8, 0, 4 * 300_000]);
    const lines = await output(job.id);
    expect([...lines.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const [rank, line] of lines) expect(line).toMatch(new RegExp(`^${String(rank)} on host-\\d met 01234567\n$`));
    expect(await files(job.id)).toEqual(Array.from({ length: 8 }, (_, rank) => `${String(rank)}/result`));
    const story = (await events(job.id)).map(({ event }) => event.type);
    for (const type of [
      'JobSubmitted',
      'JobPlaced',
      'DistributionPlanned',
      'VmCreated',
      'VmBooted',
      'JobStarted',
      'VmStarted',
      'RankExited',
      'VmIdle',
      'JobCompleted',
    ])
      expect(story).toContain(type);
  });

  it('the second time without moving an image or booting a VM', async () => {
    const { run } = bound(await start(meet));
    await run({ image: 'prog', processes: 8 });
    const job = await run({ image: 'prog', processes: 8 });
    expect([job.state, job.vmsBooted, job.vmsReused, Number(job.imageBytesTransferred)]).toEqual([JobState.COMPLETED, 0, 8, 0]);
  });

  it('with another image when all cores hold idle VMs: some of them make room', async () => {
    const { run, image } = bound(await start(meet));
    await run({ image: 'prog', processes: 8 });
    await image('other', anyImage(2));
    const job = await run({ image: 'other', processes: 3 });
    expect([job.state, job.reason, job.vmsBooted]).toEqual([JobState.COMPLETED, '', 3]);
  });

  it('and many of them share the cluster, one after the other where they must', async () => {
    const { submit, ended } = bound(await start(meet));
    const ids = [];
    for (const processes of [8, 1, 3, 8, 2, 5]) ids.push(await submit({ image: 'prog', processes }));
    for (const id of ids) expect((await ended(id)).state).toBe(JobState.COMPLETED);
  });
});

describe('a job that goes wrong ends for a reason, and the next one runs', () => {
  async function endsWith(program: FakeProgram, spec: { processes: number; walltimeMs?: number }): Promise<jobv1.Job> {
    const { run } = bound(await start(program));
    const walltime = spec.walltimeMs === undefined ? {} : { walltime: { seconds: 0n, nanos: spec.walltimeMs * 1_000_000 } };
    const job = await run({ image: 'prog', processes: spec.processes, ...walltime });
    for (const fake of hypervisors) fake.program = meet;
    const next = await run({ image: 'prog', processes: 8 });
    expect([next.state, next.reason]).toEqual([JobState.COMPLETED, '']);
    return job;
  }

  it('a crash: the report of the rank, 134, and the others are stopped', async () => {
    const job = await endsWith(
      (machine) =>
        machine.spec.rank === 1
          ? Promise.resolve({ cause: 'trapped', exitCode: 134, detail: 'out of bounds\n  at dereference' })
          : untilKilled(machine),
      { processes: 4 },
    );
    expect([job.state, job.exitCode, job.endCause]).toEqual([JobState.FAILED, 134, EndCause.TRAPPED]);
    expect(job.reason).toMatch(/rank 1 crashed: out of bounds\n {2}at dereference/);
  });

  it('MPI_Abort: its code', async () => {
    const job = await endsWith(
      (machine) =>
        machine.spec.rank === 2 ? Promise.resolve({ cause: 'mpi-abort', exitCode: 42, detail: 'no more' }) : untilKilled(machine),
      { processes: 4 },
    );
    expect([job.exitCode, job.endCause]).toEqual([42, EndCause.MPI_ABORT]);
  });

  it('a rank that exits before it meets the others, on another node than they', async () => {
    const job = await endsWith(
      async (machine) => {
        if (machine.spec.rank === 7) return { cause: 'no-finalize', exitCode: 0, detail: '' };
        await machine.spec.handlers.rendezvous(0, Uint8Array.of(machine.spec.rank));
        return {};
      },
      { processes: 8 },
    );
    expect([job.state, job.exitCode]).toEqual([JobState.FAILED, 1]);
  });

  it('a walltime that is over', async () => {
    const job = await endsWith(untilKilled, { processes: 4, walltimeMs: 300 });
    expect([job.exitCode, job.endCause]).toEqual([124, EndCause.WALLTIME]);
  });

  it('a deadlock: who waits for what', async () => {
    const job = await endsWith(
      (machine) => {
        machine.activity = {
          blocked: true,
          activity: 1n,
          waitsFor: `MPI_Recv(source=${String(1 - machine.spec.rank)})`,
          mpiState: 'initialized',
        };
        return untilKilled(machine);
      },
      { processes: 2 },
    );
    expect([job.exitCode, job.endCause]).toEqual([123, EndCause.DEADLOCK]);
    expect(job.reason).toContain('rank 0 waits in MPI_Recv(source=1)');
    expect(job.reason).toContain('rank 1 waits in MPI_Recv(source=0)');
  });

  it('a VM that does not boot', async () => {
    const { run } = bound(await start(meet));
    for (const fake of hypervisors) fake.bootError = 'no worker thread';
    const job = await run({ image: 'prog', processes: 2 });
    expect([job.state, job.exitCode, job.endCause]).toEqual([JobState.FAILED, 71, EndCause.BOOT_FAILED]);
    expect(job.reason).toContain('no worker thread');
    for (const fake of hypervisors) fake.bootError = undefined;
    expect((await run({ image: 'prog', processes: 8 })).state).toBe(JobState.COMPLETED);
  });

  it('more ranks than there are cores', async () => {
    const { run } = bound(await start(meet));
    const job = await run({ image: 'prog', processes: 9 });
    expect([job.state, job.exitCode]).toEqual([JobState.FAILED, 69]);
    expect(job.reason).toMatch(/9.*8/);
  });

  it('an image that does not exist is refused at once, by name', async () => {
    const { submit } = bound(await start(meet));
    await expect(submit({ image: 'nowhere', processes: 1 })).rejects.toThrow('nowhere');
  });
});

describe('cancelling', () => {
  it('a job that runs frees its cores', async () => {
    const { submit, reaches, cancel, ended, run } = bound(await start(untilKilled));
    const id = await submit({ image: 'prog', processes: 8 });
    await reaches(id, JobState.RUNNING);
    await cancel(id);
    const job = await ended(id);
    expect([job.state, job.exitCode]).toEqual([JobState.CANCELLED, 130]);
    for (const fake of hypervisors) fake.program = meet;
    expect((await run({ image: 'prog', processes: 8 })).state).toBe(JobState.COMPLETED);
  });

  it('a job that waits takes it out of the queue', async () => {
    const { submit, reaches, cancel, ended, job } = bound(await start(untilKilled));
    const first = await submit({ image: 'prog', processes: 8 });
    await reaches(first, JobState.RUNNING);
    const second = await submit({ image: 'prog', processes: 4 });
    await cancel(second);
    expect((await ended(second)).state).toBe(JobState.CANCELLED);
    expect((await job(first)).state).toBe(JobState.RUNNING);
  });
});

describe('a node', () => {
  it('that is lost ends the jobs that it ran, and the others go on', async () => {
    const { submit, reaches, ended, run } = bound(await start(untilKilled));
    const id = await submit({ image: 'prog', processes: 8 });
    await reaches(id, JobState.RUNNING);
    await plane?.stopNode(3);
    const job = await ended(id);
    expect(job.state).toBe(JobState.FAILED);
    for (const fake of hypervisors) fake.program = meet;
    expect((await run({ image: 'prog', processes: 6 })).state).toBe(JobState.COMPLETED);
  });

  it('that comes back takes work again', async () => {
    const { run } = bound(await start(meet));
    await plane?.stopNode(0);
    await plane?.startNode(0);
    expect((await run({ image: 'prog', processes: 8 })).state).toBe(JobState.COMPLETED);
  });
});

describe('the scheduler', () => {
  it('started again goes on with what ran, runs what waited, and knows every job', async () => {
    const gate = Promise.withResolvers<undefined>();
    const { submit, reaches, ended, run, job, output } = bound(await start(meet));
    const done = await run({ image: 'prog', processes: 2 });
    for (const fake of hypervisors)
      fake.program = async (machine) => {
        await meet(machine);
        return gate.promise;
      };
    const running = await submit({ image: 'prog', processes: 8 });
    await reaches(running, JobState.RUNNING);
    const waiting = await submit({ image: 'prog', processes: 8 });
    await plane?.stopScheduler();
    await plane?.startScheduler();
    gate.resolve(undefined);
    expect((await ended(running)).state).toBe(JobState.COMPLETED);
    expect((await ended(waiting)).state).toBe(JobState.COMPLETED);
    expect((await job(done.id)).state).toBe(JobState.COMPLETED);
    for (const id of [running, waiting]) {
      const lines = await output(id);
      for (let rank = 0; rank < 8; rank++) expect(lines.get(rank)).toMatch(new RegExp(`^${String(rank)} on host-\\d met 01234567\n$`));
    }
  });

  it('lets a job run again whose node is lost, when that is its policy, and nothing of the first time is left', async () => {
    let first = true;
    const { submit, reaches, ended, output, files } = bound(await start((machine) => (first ? lost(machine) : meet(machine))));
    const id = await submit({ image: 'prog', processes: 6, onNodeLoss: jobv1.NodeLossPolicy.REQUEUE });
    await reaches(id, JobState.RUNNING);
    await plane?.until('the ranks have written', async () => (await plane?.outputSoFar(id))?.includes('first life') === true);
    first = false;
    await plane?.stopNode(3);
    const job = await ended(id);
    expect([job.state, job.attempt, job.requeues]).toEqual([JobState.COMPLETED, 2, 1]);
    const lines = await output(id);
    for (let rank = 0; rank < 6; rank++) expect(lines.get(rank)).toMatch(new RegExp(`^${String(rank)} on host-\\d met 012345\n$`));
    expect(await files(id)).toEqual(Array.from({ length: 6 }, (_, rank) => `${String(rank)}/result`));
  });
});

/** Writes, and runs until its node goes. */
const lost: FakeProgram = async (machine) => {
  await machine.spec.handlers.output('stdout', text('first life\n'));
  await writeFile(join(machine.spec.scratchDir, 'half'), 'x');
  return untilKilled(machine);
};

/** The plane's methods as functions, so that the stories read without its name. */
function bound(
  of: ControlPlane,
): Pick<ControlPlane, 'run' | 'submit' | 'ended' | 'reaches' | 'cancel' | 'output' | 'files' | 'events' | 'image' | 'job'> {
  return {
    run: (spec) => of.run(spec),
    submit: (spec) => of.submit(spec),
    ended: (id) => of.ended(id),
    reaches: (id, state) => of.reaches(id, state),
    cancel: (id) => of.cancel(id),
    output: (id) => of.output(id),
    files: (id) => of.files(id),
    events: (id) => of.events(id),
    image: (name, image) => of.image(name, image),
    job: (id) => of.job(id),
  };
}

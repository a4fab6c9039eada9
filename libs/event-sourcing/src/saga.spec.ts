import { describe, expect, it } from 'vitest';
import { backward, forward, StepFailed, type SagaPort, type SagaStep, type SagaTable } from './saga.ts';

/** A world in which steps leave marks, a log of what was said, and a crash at any of its moments. */
class World {
  readonly marks = new Map<string, number>();
  readonly log: string[] = [];
  readonly history: string[] = [];
  /** What fails, and how often: the name of a step, or "commit". */
  readonly failures = new Map<string, number>();
  passing = true;
  /** Counts down at every moment at which a process may die. */
  crashIn = Infinity;
  slept = 0;

  moment(what: string): void {
    this.history.push(what);
    if (--this.crashIn === 0) throw new Crash(what);
  }

  fail(what: string): void {
    const left = this.failures.get(what) ?? 0;
    if (left === 0) return;
    this.failures.set(what, left - 1);
    throw new Error(`${what} fails`);
  }

  port(): SagaPort<readonly string[], string> {
    return {
      state: () => this.log,
      commit: (said) => {
        this.moment(`before commit ${said.join()}`);
        this.log.push(...said);
        this.moment(`after commit ${said.join()}`);
        return Promise.resolve();
      },
      mayPass: (error) => this.passing && !(error instanceof Crash),
      sleep: (ms, signal) => {
        if (signal.aborted) return Promise.reject(signal.reason as Error);
        this.slept += ms;
        return ms > 10_000 ? new Promise(() => undefined) : Promise.resolve();
      },
    };
  }
}

class Crash extends Error {}

const names = ['match', 'place', 'carry', 'boot', 'connect'] as const;

/** Marks are idempotent by key, as services are; a repetition under another key would count twice. */
const table: SagaTable<readonly string[], World, string> = names.map((name): SagaStep<readonly string[], World, string> => ({
  name,
  done: (log) => log.includes(name),
  key: () => `job-1/${name}`,
  do(world) {
    world.moment(`before ${name}`);
    world.fail(name);
    world.marks.set(`job-1/${name}`, 1);
    world.moment(`after ${name}`);
    return Promise.resolve(name === 'connect' ? [] : [name]);
  },
  undo(world) {
    world.moment(`before undoing ${name}`);
    world.fail(`undo ${name}`);
    world.marks.delete(`job-1/${name}`);
    world.moment(`after undoing ${name}`);
    return Promise.resolve();
  },
  lazy: () => name === 'carry',
}));

const never = new AbortController().signal;
const all = names.map((name) => `job-1/${name}`);

/** How many moments there are at which it could die, in a run that meets no trouble. */
async function moments(run: (world: World) => Promise<void>): Promise<number> {
  const world = new World();
  await run(world);
  return world.history.length;
}
const doAll = (world: World): Promise<void> => forward(table, world, world.port(), never);
const undoAll = (world: World): Promise<void> => backward(table, world, world.port(), never);

describe('a saga', () => {
  it('does its steps in order, says each in the log, and lazy ones together with the next', async () => {
    const world = new World();
    await doAll(world);
    expect([...world.marks.keys()]).toEqual(all);
    expect(world.history.filter((what) => what.startsWith('before commit'))).toEqual([
      'before commit match',
      'before commit place',
      'before commit carry,boot',
    ]);
  });

  it.each(names)('tries %s again while its failure may pass, with growing pauses, and tells why it waits', async (name) => {
    const world = new World();
    world.failures.set(name, 3);
    const waits: string[] = [];
    const port = {
      ...world.port(),
      waits: (step: string, error: unknown) => void waits.push(`${step} ${error === undefined ? 'goes on' : 'waits'}`),
    };
    await forward(table, world, port, never);
    expect([...world.marks.keys()]).toEqual(all);
    expect(world.slept).toBe(50 + 100 + 200);
    expect(waits).toEqual([`${name} waits`, `${name} waits`, `${name} waits`, `${name} goes on`]);
  });

  it.each(names)('stops at %s when it fails for good, and is undone without a trace', async (name) => {
    const world = new World();
    world.passing = false;
    world.failures.set(name, 1);
    await expect(doAll(world)).rejects.toMatchObject({ step: name, direction: 'do' });
    expect([...world.marks.keys()]).toEqual(all.slice(0, names.indexOf(name)));
    await undoAll(world);
    expect(world.marks.size).toBe(0);
  });

  it('goes on after a crash at each of its moments, and comes to the same', async () => {
    const count = await moments(doAll);
    for (let at = 1; at <= count; at++) {
      const world = new World();
      world.crashIn = at;
      world.passing = false;
      await expect(doAll(world)).rejects.toThrow();
      world.crashIn = Infinity;
      await doAll(world);
      expect([...world.marks.keys()].sort(), world.history.join()).toEqual([...all].sort());
      expect(world.log).toEqual(['match', 'place', 'carry', 'boot']);
    }
  });

  it('is undone after a crash at each moment of doing and of undoing, the last step first', async () => {
    const [doing, undoing] = [await moments(doAll), await moments(undoAll)];
    for (let at = 1; at <= doing; at++) {
      for (let then = 1; then <= undoing; then++) {
        const world = new World();
        world.passing = false;
        world.crashIn = at;
        await doAll(world).catch(() => undefined);
        world.crashIn = then;
        await undoAll(world).catch(() => undefined);
        world.crashIn = Infinity;
        world.history.length = 0;
        await undoAll(world);
        expect(world.marks.size).toBe(0);
        expect(world.history.filter((what) => what.startsWith('before undoing'))).toEqual(
          names.toReversed().map((name) => `before undoing ${name}`),
        );
      }
    }
  });

  it.each(names)('comes to the same when %s is done twice', async (name) => {
    const world = new World();
    const step = table.find((one) => one.name === name);
    await doAll(world);
    await step?.do(world, never);
    expect([...world.marks.keys()]).toEqual(all);
    await step?.undo?.(world, never);
    await step?.undo?.(world, never);
    expect([...world.marks.keys()]).toEqual(all.filter((key) => key !== `job-1/${name}`));
  });

  it('gives up a try that takes too long, and a step that was tried often enough', async () => {
    const world = new World();
    const slow: SagaStep<readonly string[], World, string> = {
      name: 'slow',
      done: () => false,
      key: () => '',
      timeLimitMs: 1_000,
      tries: 2,
      do: () => new Promise(() => undefined),
    };
    await expect(forward([slow], world, world.port(), never)).rejects.toBeInstanceOf(StepFailed);
    await expect(forward([slow], world, world.port(), never)).rejects.toMatchObject({
      cause: { message: 'the step "slow" took longer than 1000 ms' },
    });
  });

  it('does not wait for a step that does not hear the signal', async () => {
    const world = new World();
    const stop = new AbortController();
    const deaf: SagaStep<readonly string[], World, string> = {
      name: 'deaf',
      done: () => false,
      key: () => '',
      do: () => new Promise(() => undefined),
    };
    const run = forward([deaf], world, world.port(), stop.signal);
    stop.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
  });
});

import { describe, expect, it } from 'vitest';
import { assertWritten, SagaRun, type SagaRunPort } from './saga-run.ts';

/** An aggregate that has three things to do, and whose log may turn to another. */
function aggregate(next: (turns: number, turn: AbortSignal, signal: AbortSignal) => Promise<void>) {
  const story: string[] = [];
  const world = { left: 3, turned: undefined as string | undefined };
  const port: SagaRunPort = {
    over: () => world.left === 0,
    turned: () => world.turned,
    next: async (turn, signal) => {
      story.push('turn');
      await next(story.filter((each) => each === 'turn').length, turn, signal);
      world.left--;
    },
    unexpected: (error) => story.push(`unexpected: ${String(error)}`),
    sleep: (ms, signal) => {
      signal.throwIfAborted();
      story.push(`${ms} ms`);
      return Promise.resolve();
    },
  };
  const stopping = new AbortController();
  return { story, world, stopping, run: new SagaRun(port, stopping.signal) };
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }));

describe('an aggregate that sagas drive', () => {
  it('takes turns until nothing is left to do', async () => {
    const { story, run } = aggregate(() => Promise.resolve());
    await run.run();
    expect(story).toEqual(['turn', 'turn', 'turn']);
  });

  it('ends its turn when the log decides otherwise, and begins the next at once', async () => {
    const { story, world, run } = aggregate((count, turn) => (count === 1 ? untilAborted(turn) : Promise.resolve()));
    const ended = run.run();
    world.turned = 'it is cancelled';
    run.notice();
    await ended;
    expect(story).toEqual(['turn', 'turn', 'turn', 'turn']);
  });

  it('knows at the begin of a turn what the log decided before', async () => {
    const seen: boolean[] = [];
    const { world, run } = aggregate((_, turn) => {
      seen.push(turn.aborted);
      return Promise.resolve();
    });
    world.turned = 'it is cancelled';
    await run.run();
    expect(seen).toEqual([true, true, true]);
  });

  it('looks again at once when the log forbade what it wanted to write', async () => {
    const { story, run } = aggregate((count) => {
      assertWritten(count === 2 ? { ok: false, detail: 'it has ended' } : { ok: true });
      return Promise.resolve();
    });
    await run.run();
    expect(story).toEqual(['turn', 'turn', 'turn', 'turn']);
  });

  it('tells of what it did not expect, pauses, and goes on', async () => {
    const { story, run } = aggregate((count) => (count === 1 ? Promise.reject(new Error('the disk is full')) : Promise.resolve()));
    await run.run();
    expect(story).toEqual(['turn', 'unexpected: Error: the disk is full', '500 ms', 'turn', 'turn', 'turn']);
  });

  it('stops with its service, whatever it was doing', async () => {
    const { story, stopping, run } = aggregate((_count, _turn, signal) => untilAborted(signal));
    const ended = run.run();
    stopping.abort(new Error('the service stops'));
    await expect(ended).rejects.toThrow('the service stops');
    expect(story).toEqual(['turn']);
  });
});

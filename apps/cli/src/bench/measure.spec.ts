import { create } from '@bufbuild/protobuf';
import { jobv1 } from '@verbena/contracts';
import type { GuestImage } from '@verbena/guest-image';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Plan, Results } from './experiments.ts';
import { keepResults, keptResults, rawFileOf } from './kept-results.ts';
import { machine, measure, missingCells, type Runner } from './measure.ts';

const plan: Plan = {
  ...{ paths: ['native', 'split'], rounds: 2, batchMs: 10, classes: { IS: 'S' }, kernels: ['IS'], ranks: 2 },
  ...{ hplOrder: 100, hplRanks: [], minutes: 5, cellSeconds: 60 },
};
const image = { wasm: new Uint8Array(8) } as GuestImage;
const minute = 60_000;

/** Runs take a minute each by the test's clock. What `fails` names ends in an error. */
class Bench {
  ms = 0;
  readonly made: string[] = [];
  kept: Results | undefined;
  readonly stop = new AbortController();
  fails = '';
  stopAt = Infinity;

  readonly runner: Runner = {
    image: () => Promise.resolve(image),
    run: (name, _image, { path }) => {
      if (name === 'hello') return Promise.resolve({ job: create(jobv1.JobSchema, { ranks: [{ memoryBytesUsed: 9n }] }), output: '' });
      this.made.push(`${name} ${path}`);
      this.ms += minute;
      if (this.made.length === this.stopAt) this.stop.abort(new Error('stopped'));
      if (`${name} ${path}` === this.fails) return Promise.reject(new Error('it hangs'));
      const output = name === 'nas-IS' ? 'IS class S on 2 ranks: 0.5 s\nIS class S: VERIFICATION SUCCESSFUL' : 'latency 8 1';
      return Promise.resolve({ job: create(jobv1.JobSchema, { id: 'job-1' }), output });
    },
  };

  measure(minutes: number, before?: Results): Promise<Results> {
    return measure({
      ...{ runner: this.runner, plan: { ...plan, minutes }, before, tell: () => undefined, signal: this.stop.signal },
      now: () => this.ms,
      keep: (results) => {
        // A copy: what is kept must not change any more.
        this.kept = structuredClone(results);
        return Promise.resolve();
      },
    });
  }
}

const round = ['micro native', 'micro split', 'no-cache native', 'no-cache split', 'nas-IS native', 'nas-IS split'];
const secondRound = ['micro native', 'micro split', 'nas-IS native', 'nas-IS split'];

describe('measuring', () => {
  it('begins no run after its time, and goes on there when it is resumed', async () => {
    const bench = new Bench();
    const first = await bench.measure(4);
    expect(bench.made).toEqual(round.slice(0, 4));
    const whole = await bench.measure(60, first);
    expect(bench.made).toEqual([...round, ...secondRound]);
    expect(missingCells(plan, whole.runs)).toEqual([]);
    expect(whole.runs).toHaveLength(10);
  });

  it('goes on after a run that fails, and tries it again when it is resumed', async () => {
    const bench = new Bench();
    bench.fails = 'micro split';
    const first = await bench.measure(60);
    expect(first.runs.filter(({ failed }) => failed !== undefined)).toMatchObject([
      { round: 1, failed: 'it hangs' },
      { round: 2, failed: 'it hangs' },
    ]);
    bench.fails = '';
    bench.made.length = 0;
    const whole = await bench.measure(60, first);
    expect(bench.made).toEqual(['micro split', 'micro split']);
    expect(whole.runs.every(({ failed }) => failed === undefined)).toBe(true);
  });

  it('has kept every run but the one that was interrupted', async () => {
    const bench = new Bench();
    bench.stopAt = 3;
    await expect(bench.measure(60)).rejects.toThrow('stopped');
    expect(bench.kept?.runs.map(({ experiment, path }) => `${experiment} ${path}`)).toEqual(round.slice(0, 2));
  });
});

describe('kept results', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'verbena-bench-spec-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  it('come back as they were', async () => {
    const file = rawFileOf(join(directory, 'report.html'));
    expect(file).toBe(join(directory, 'report.json'));
    const results = await new Bench().measure(2);
    await keepResults(file, results);
    expect(await keptResults(file, machine())).toEqual(results);
  });

  it('are refused when they are missing, something else, or of another machine', async () => {
    const file = join(directory, 'report.json');
    await expect(keptResults(file, machine())).rejects.toThrow('Begin without --resume');
    for (const text of ['null', '{"runs":[]}', '{"runs":[']) {
      writeFileSync(file, text);
      await expect(keptResults(file, machine())).rejects.toThrow('Begin without --resume');
    }
    await keepResults(file, await new Bench().measure(1));
    await expect(keptResults(file, { ...machine(), cores: 999 })).rejects.toThrow(/is from .* this is .* with 999/);
  });
});

import { create } from '@bufbuild/protobuf';
import { jobv1, storagev1 } from '@verbena/contracts';
import { Command } from 'commander';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memoryIo } from '../terminal/io.fixture.ts';
import { failureReport } from './failure-report.ts';
import { targetOf } from './fetch-files.ts';
import { inputName } from './input-files.ts';
import { jobProgress } from './job-progress.ts';
import { rankLabels } from './rank-labels.ts';
import { imageName } from './read-image.ts';
import { requeuePolicy } from './requeue-options.ts';
import { addJobOptions, jobName, jobSpec, programEnvironment, type JobOptions } from './run-options.ts';
import { readStandardInput } from './standard-input.ts';

const { EndCause, JobState, RankState } = jobv1;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('what run makes of its options', () => {
  it('is a specification', () => {
    const options = {
      processes: 8,
      mem: 2 ** 30,
      time: 90,
      env: ['A=1', 'HOME', 'ABSENT'],
      require: ['class=S'],
      outputLimit: 1000,
      priority: -2,
    };
    const spec = jobSpec({
      options,
      name: 'ep',
      image: 'sha256:0',
      args: ['--steps', '10'],
      env: { HOME: '/h' },
      stdin: bytes('x'),
      inputFiles: [],
    });
    expect(spec).toMatchObject({
      name: 'ep',
      image: 'sha256:0',
      processes: 8,
      memoryBytes: 2n ** 30n,
      args: ['--steps', '10'],
      env: { A: '1', HOME: '/h' },
      requirements: { labels: { class: 'S' } },
      outputLimitBytes: 1000n,
      priority: -2,
    });
    expect(spec.walltime?.seconds).toBe(90n);
  });

  it('names a job after its first source, and the image in characters that a reference may have', () => {
    expect(jobName({ processes: 1 }, ['-DN=2', 'src/heat2d.c', 'io.c'])).toBe('heat2d');
    expect(jobName({ processes: 1, image: 'ep:3' }, [])).toBe('ep:3');
    expect(imageName('a folder/ein Prögramm.cpp')).toBe('ein-pro-gramm');
    expect(imageName('日本.c')).toBe('image');
  });

  it('passes variables with their values, whatever these contain', () => {
    expect(programEnvironment(['A=b=c', 'EMPTY=', 'SPACE=hello there'], {})).toEqual({ A: 'b=c', EMPTY: '', SPACE: 'hello there' });
  });

  it('places input files below the working directory only', () => {
    expect(inputName('data/grid.txt')).toEqual({ source: 'data/grid.txt', path: 'grid.txt' });
    expect(inputName('data/grid.txt=in/g.txt')).toEqual({ source: 'data/grid.txt', path: 'in/g.txt' });
    for (const text of ['a=../b', 'a=/b', 'a=b//c', 'a=']) expect(() => inputName(text)).toThrow(/no path below the working directory/);
  });
});

describe('labels', () => {
  it('are put before each line, however the output is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 20 }), { maxLength: 6 }), fc.integer({ min: 1, max: 7 }), (lines, cut) => {
        const text = Buffer.from(lines.map((line) => `${line.replaceAll('\n', ' ')}\n`).join(''));
        const labels = rankLabels();
        let out = '';
        for (let at = 0; at < text.length; at += cut)
          out += Buffer.from(labels.label(3, storagev1.OutputStream.STDOUT, text.subarray(at, at + cut))).toString('latin1');
        expect(out).toBe(
          text
            .toString('latin1')
            .replace(/^(?=[\s\S])/gm, '[3] ')
            .replace(/\[3\] $/, ''),
        );
        expect(labels.rest()).toEqual([]);
      }),
    );
  });

  it('keep ranks and streams apart, and give what never ended its line', () => {
    const labels = rankLabels();
    labels.label(0, storagev1.OutputStream.STDOUT, bytes('half'));
    labels.label(0, storagev1.OutputStream.STDERR, bytes('other'));
    expect(labels.rest().map(({ data }) => Buffer.from(data).toString())).toEqual(['[0] half\n', '[0] other\n']);
  });

  it('pass a line without an end on in parts', () => {
    const labels = rankLabels();
    expect(labels.label(0, storagev1.OutputStream.STDOUT, new Uint8Array(200_000).fill(120)).length).toBeGreaterThan(190_000);
  });
});

describe('a job that failed', () => {
  const rank = (number: number, more: object = {}) => ({ rank: number, nodeName: `host-${number}`, state: RankState.KILLED, ...more });

  it('is explained by the rank that failed, with its report', () => {
    const job = create(jobv1.JobSchema, {
      id: 'job-1',
      state: JobState.FAILED,
      endCause: EndCause.TRAPPED,
      reason: 'rank 1 crashed',
      exitCode: 134,
      ranks: [
        rank(0, { detail: 'ended because another rank failed' }),
        rank(1, { state: RankState.CRASHED, detail: 'null pointer\n  in dereference\n  in main' }),
      ],
    });
    expect(failureReport(job)).toEqual([
      'verbena: job-1 failed: rank 1 crashed (exit code 134)',
      '  rank 1 on host-1: null pointer',
      '      in dereference',
      '      in main',
    ]);
  });

  it('tells what to do', () => {
    const job = create(jobv1.JobSchema, {
      id: 'job-1',
      state: JobState.FAILED,
      endCause: EndCause.WALLTIME,
      reason: 'the walltime is over',
      exitCode: 124,
    });
    expect(failureReport(job).at(-1)).toMatch(/--time/);
  });

  it('cannot fill or drive the terminal', () => {
    const detail = `${'\u001b[2Jline\n'.repeat(500)}`;
    const ranks = Array.from({ length: 100 }, (_, index) => rank(index, { state: RankState.CRASHED, detail }));
    const lines = failureReport(
      create(jobv1.JobSchema, { id: 'job-1', state: JobState.FAILED, endCause: EndCause.TRAPPED, reason: 'x', ranks }),
    );
    expect(lines.length).toBeLessThan(50);
    expect(lines.join('')).not.toContain('\u001b');
  });

  it('and one that did not fail says nothing', () => {
    expect(failureReport(create(jobv1.JobSchema, { state: JobState.COMPLETED }))).toEqual([]);
  });
});

describe('progress of a job', () => {
  it('is shown until the program runs', () => {
    const at = (state: jobv1.JobState, more: object = {}) => jobProgress(create(jobv1.JobSchema, { id: 'job-1', state, ...more }));
    expect(at(JobState.QUEUED, { reason: 'waits for 2 cores' })).toBe('queued as job-1: waits for 2 cores');
    expect(at(JobState.DISTRIBUTING, { distribution: { nodesDone: 2, nodesTotal: 4, bytesDone: 512n, bytesTotal: 1024n } })).toBe(
      'distributing [##########..........]  50% to 2/4 nodes, 512 B',
    );
    expect(at(JobState.BOOTING, { spec: { processes: 8 } })).toMatch(/^booting \[/);
    expect(at(JobState.RUNNING)).toBeUndefined();
  });
});

describe('a job whose node is lost', () => {
  const parsed = (...words: string[]): { options: JobOptions; sources: string[] } => {
    const command = addJobOptions(new Command('run').exitOverride()).argument('[files...]');
    command.parse(words, { from: 'user' });
    return { options: command.opts<JobOptions>(), sources: command.args };
  };

  it('runs again when it says so, and the next word is a source', () => {
    const { options, sources } = parsed('--requeue', 'prog.c');
    expect(sources).toEqual(['prog.c']);
    expect(requeuePolicy(options)).toEqual({ onNodeLoss: jobv1.NodeLossPolicy.REQUEUE, maxRequeues: 0 });
  });

  it('runs again so often, or not at all', () => {
    expect(requeuePolicy(parsed('--max-requeues', '10', 'prog.c').options)).toEqual({
      onNodeLoss: jobv1.NodeLossPolicy.REQUEUE,
      maxRequeues: 10,
    });
    expect(requeuePolicy(parsed('prog.c').options)).toEqual({});
  });
});

describe('standard input', () => {
  const never = new AbortController().signal;
  it('is read to its end, but not from a terminal', async () => {
    expect(Buffer.from(await readStandardInput(memoryIo({ input: 'abc' }), () => undefined, never)).toString()).toBe('abc');
    const io = memoryIo({ input: 'abc' });
    Object.assign(io.stdin, { isTTY: true });
    expect((await readStandardInput(io, () => undefined, never)).length).toBe(0);
  });

  it('has a limit, with advice', async () => {
    const io = memoryIo({ input: 'x'.repeat(9 << 20) });
    await expect(readStandardInput(io, () => undefined, never)).rejects.toThrow(
      /longer than 8 MiB; give large input as a file, with --input/,
    );
  });
});

describe('fetched files', () => {
  it('stay below their directory, whatever a guest called them', () => {
    expect(targetOf('/out', 3, 'results/a.txt')).toBe('/out/rank-3/results/a.txt');
    for (const path of ['../../etc/passwd', '/etc/passwd', '..', 'a/../../rank-1/x', 'a\0b', ''])
      expect(() => targetOf('/out', 0, path)).toThrow(/leads out of/);
  });
});

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { example, guest } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

describe('a cluster of four hosts with two cores each', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 4, cores: 2 });
  });
  afterAll(() => cluster.down());

  it('runs eight ranks of a program it has never seen, two on each host', async () => {
    const { code, stdout } = await cluster.run(['-n', '8', example('hello')]);
    expect(code).toBe(0);
    for (let rank = 0; rank < 8; rank++) expect(stdout).toMatch(new RegExp(`Hello from rank ${String(rank)} of 8`));
    const job = await cluster.lastJob();
    expect(job.state).toBe('completed');
    expect(new Set(job.ranks.map(({ nodeName }) => nodeName)).size).toBe(4);
    expect(job.vmsBooted).toBe(8);
    expect(Number(job.imageBytesTransferred)).toBeGreaterThan(0);
    // Posting and polling never entered the hypervisor.
    for (const { dataPathVmmOperations } of job.ranks) expect(Number(dataPathVmmOperations ?? 0)).toBe(0);
  });

  it('moves no image and boots no VM for the same job again', async () => {
    expect((await cluster.run(['-n', '8', example('hello')])).code).toBe(0);
    const job = await cluster.lastJob();
    expect([job.vmsBooted, job.vmsReused, Number(job.imageBytesTransferred)]).toEqual([0, 8, 0]);
  });

  it('tells the whole story of the job in its events', async () => {
    const { id } = await cluster.lastJob();
    const { code, stdout } = await cluster.sandbox.cli(['events', '--job', id]);
    expect(code).toBe(0);
    for (const type of ['JobSubmitted', 'JobPlaced', 'JobCompleted']) expect(stdout).toContain(type);
  });

  it('keeps what each rank wrote to its scratch directory', async () => {
    const out = join(cluster.sandbox.work, 'results');
    const { code, stdout } = await cluster.run(['-n', '4', guest('write-files'), '--out', out]);
    expect([code, stdout]).toEqual([0, 'read back 0\n']);
    expect(await readFile(join(out, 'rank-3', 'results', 'rank-3.txt'), 'utf8')).toBe('9\n');
  });
});

import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { example, guest, Sandbox } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

describe('the command line, in the order in which somebody meets it', () => {
  let sandbox: Sandbox;
  let url: string;
  let jobId: string;
  beforeAll(async () => {
    sandbox = await Sandbox.create();
  });
  afterAll(() => sandbox.destroy());

  it('says that no cluster is up, and how to get one', async () => {
    const { code, stderr } = await sandbox.cli(['status']);
    expect(code).toBe(3);
    expect(stderr).toContain('verbena up -d');
  });

  it('starts one in the background, and finds it from anywhere', async () => {
    const up = await sandbox.json<{ url: string; dataDirectory: string }>(['up', '-d', '--hosts', '2', '--cores', '2']);
    expect(up.dataDirectory).toBe(sandbox.data);
    url = up.url;
    const status = await sandbox.json<{ nodes: number; cores: number; services: { ready: boolean }[] }>(['status'], { cwd: '/' });
    expect(status).toMatchObject({ nodes: 2, cores: 4 });
    expect(status.services.every(({ ready }) => ready)).toBe(true);
  });

  it('does not start a second one on the same data', async () => {
    for (const args of [['up'], ['up', '-d']]) {
      const { code, stderr } = await sandbox.cli(args);
      expect(code).toBe(1);
      expect(stderr).toMatch(/a cluster is up already .* verbena down|a cluster is up already .*"verbena down" stops it/);
    }
  });

  it('submits without waiting, and follows the output', async () => {
    const submitted = await sandbox.cli(['submit', '-n', '2', guest('write-files')]);
    expect([submitted.code, submitted.stderr]).toEqual([0, '']);
    jobId = submitted.stdout.trim();
    expect(jobId).toMatch(/^job-[a-z0-9]+$/);
    const logs = await sandbox.cli(['logs', '-f', jobId, '--label']);
    expect([logs.code, logs.stdout]).toEqual([0, '[0] read back 0\n']);
    await expect.poll(async () => (await sandbox.json<{ state: string }>(['job', 'show', jobId])).state).toBe('completed');
  });

  it('lists and fetches what the ranks wrote', async () => {
    const { files } = await sandbox.json<{ files: { path: string; rank: number }[] }>(['files', jobId]);
    expect(files).toContainEqual(expect.objectContaining({ rank: 1, path: 'results/rank-1.txt' }));
    const fetched = await sandbox.cli(['fetch', jobId, 'results/rank-1.txt', '--rank', '1', '--out', 'out']);
    expect(fetched.code).toBe(0);
    expect(await readFile(join(sandbox.work, 'out/rank-1/results/rank-1.txt'), 'utf8')).toBe('1\n');
  });

  it('compiles to a file, brings it into the catalogue, and runs it by name', async () => {
    expect((await sandbox.cli(['cc', '-O2', example('ring'), '-o', 'ring.vmi'])).code).toBe(0);
    await access(join(sandbox.work, 'ring.vmi'));
    const pushed = await sandbox.cli(['image', 'push', 'ring.vmi', '--image-label', 'shape=round']);
    expect(pushed.stdout).toMatch(/^ring:1 {2}sha256:[0-9a-f]{12} {2}\d/);
    const { code, stdout, stderr } = await sandbox.cli(['run', '-n', '4', '--image', 'ring', '--require', 'shape=round', '--', '1']);
    expect([code, stdout, stderr]).toEqual([0, 'lap 1: the token is 6\n', '']);
    const refused = await sandbox.cli(['run', '-n', '4', '--image', 'ring', '--require', 'shape=square']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/shape/);
  });

  it('draws what the time of a job was spent with, and gives it as stacks', async () => {
    expect((await sandbox.cli(['run', '-n', '2', example('pi'), '--', '50000000'])).code).toBe(0);
    const { jobs } = await sandbox.json<{ jobs: { id: string }[] }>(['jobs', '--limit', '1']);
    const id = jobs[0]?.id ?? '';
    expect((await sandbox.cli(['job', 'profile', id, '--out', 'flame.svg'])).code).toBe(0);
    const graph = await readFile(join(sandbox.work, 'flame.svg'), 'utf8');
    for (const frame of [id, 'rank 0', 'rank 1', 'guest']) expect(graph).toContain(`<title>${frame}: `);
    const folded = await sandbox.cli(['job', 'profile', id, '--folded', '--busy']);
    expect(folded.stdout).toMatch(new RegExp(`^${id};rank 1;guest [1-9]\\d*$`, 'm'));
    expect(folded.stdout).not.toContain(';idle');
  });

  it('shows everything in tables of 80 columns', async () => {
    for (const args of [
      ['jobs'],
      ['nodes'],
      ['vms', '--all'],
      ['images'],
      ['events'],
      ['status'],
      ['job', 'show', jobId],
      ['files', jobId],
    ]) {
      const { code, stdout } = await sandbox.cli(args);
      expect([args, code]).toEqual([args, 0]);
      expect(stdout).not.toBe('');
      for (const line of stdout.split('\n')) expect([args, [...line].length <= 80, line]).toEqual([args, true, line]);
    }
  });

  it('puts nothing new on a host that is drained', async () => {
    expect((await sandbox.cli(['node', 'drain', 'node-1', '--reason', 'its memory reports errors that ECC corrects'])).stdout).toBe(
      'node-1 is drained\n',
    );
    const table = (await sandbox.cli(['nodes'])).stdout;
    expect(table).toContain('drained');
    expect(Math.max(...table.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80);
    expect((await sandbox.cli(['run', '-n', '2', example('hello')])).code).toBe(0);
    const { jobs } = await sandbox.json<{ jobs: { ranks: { nodeId: string }[] }[] }>(['jobs', '--limit', '1']);
    expect(jobs[0]?.ranks.map(({ nodeId }) => nodeId)).toEqual(['node-0', 'node-0']);
    expect((await sandbox.cli(['node', 'resume', 'node-1'])).stdout).toBe('node-1 is ready\n');
  });

  it('tells what the adapter of a host has counted, in the manner of perfquery', async () => {
    const { code, stdout } = await sandbox.cli(['node', 'counters', 'node-0']);
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^# Port counters: node-0, LID \d+, GUID 0x[0-9a-f]{16}\nPortXmitData:\.+\d+\n/),
    ]);
    for (const line of stdout.split('\n')) expect([line, line.length <= 80]).toEqual([line, true]);
    const { port } = await sandbox.json<{ port: Record<string, string> }>(['node', 'counters', 'node-0']);
    expect(Number(port['portRcvPkts'])).toBeGreaterThan(0);
    expect(port['portRcvErrors']).toBe('0');
  });

  it('is told of what does not exist with code 4', async () => {
    for (const args of [
      ['node', 'counters', 'node-none'],
      ['vm', 'share', 'vm-none', '--weight', '4'],
      ['job', 'show', 'job-none'],
      ['cancel', 'job-none'],
      ['node', 'drain', 'node-none'],
      ['run', '--image', 'none'],
    ])
      expect([args, (await sandbox.cli(args)).code]).toEqual([args, 4]);
  });

  it('can be reached by its endpoint alone', async () => {
    const elsewhere = { env: { VERBENA_DATA_DIR: join(sandbox.dir, 'none'), VERBENA_ENDPOINT: url.replace('http://', '') } };
    expect((await sandbox.cli(['nodes'], elsewhere)).stdout).toContain('node-1');
  });

  it('cancels the job whose output nobody reads any more', async () => {
    const running = sandbox.start(['run', '-n', '1', '--name', 'flood', guest('flood-stdout')]);
    await running.printed(/x/);
    running.stopReading();
    expect((await running.ended).code).toBe(141);
    await expect
      .poll(async () => (await sandbox.json<{ jobs: { state: string }[] }>(['jobs', '--limit', '1'])).jobs[0]?.state)
      .toBe('cancelled');
  });

  it('stops, and leaves data but no process', async () => {
    expect((await sandbox.cli(['down'])).stdout).toBe('Stopped.\n');
    expect(await sandbox.processes()).toEqual([]);
    expect((await sandbox.cli(['down'])).code).toBe(3);
  });
});

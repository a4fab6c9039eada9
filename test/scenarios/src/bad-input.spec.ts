import { guest } from '@verbena/framework';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

describe('bad input ends in a clear message, and the cluster runs the next job', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 2, cores: 2 });
  });
  afterAll(() => cluster.down());
  afterEach(async () => {
    const { code, stderr } = await cluster.run(['-n', '4', guest('exit-code')]);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  });

  it('a compile error: what clang says, untouched', async () => {
    const path = await cluster.sandbox.file('broken.c', 'int main(void) { return undeclared; }\n');
    const { code, stderr } = await cluster.run(['-n', '2', path]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/broken\.c:1:25: error: use of undeclared identifier 'undeclared'/);
  });

  it('a file that does not exist', async () => {
    const { code, stderr } = await cluster.run(['-n', '2', 'nowhere.c']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('nowhere.c');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('more ranks than the cluster has cores', async () => {
    const { code, stderr, seconds } = await cluster.run(['-n', '5', guest('exit-code')]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/5/);
    expect(stderr).toMatch(/4/);
    expect(stderr).toMatch(/cores/);
    expect(seconds).toBeLessThan(60);
  });

  it('an image that does not exist', async () => {
    const { code, stderr } = await cluster.sandbox.cli(['submit', '-n', '2', '--image', 'no-such-image']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('no-such-image');
  });

  it('a trap: where it happened, by function name', async () => {
    const { code, stderr } = await cluster.run(['-n', '3', guest('trap-null')]);
    expect(code).toBe(134);
    expect(stderr).toMatch(/rank 1/);
    expect(stderr).toContain('dereference');
    expect(stderr).toContain('main');
  });

  it('a stack that overflows', async () => {
    const { code, stderr } = await cluster.run(['-n', '1', guest('stack-overflow')]);
    expect(code).toBe(134);
    expect(stderr).toContain('recurse');
  });

  it('MPI_Abort: its code, at once', async () => {
    const { code, stderr } = await cluster.run(['-n', '4', guest('mpi-abort')]);
    expect(code).toBe(42);
    expect(stderr).toMatch(/MPI_Abort/);
  });

  it('a rank that leaves without MPI_Finalize', async () => {
    const { code, stderr } = await cluster.run(['-n', '3', guest('no-finalize')]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/MPI_Finalize/);
    expect(stderr).toMatch(/rank 0/);
  });

  it('more memory than the VM has', async () => {
    const { code, stderr } = await cluster.run(['-n', '1', '--mem', '128M', guest('eat-memory')]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/memory/);
  });
});

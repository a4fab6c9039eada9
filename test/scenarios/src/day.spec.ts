/**
 * A long day on one cluster: programs that work and programs that crash, abort or are stopped, one after the other on the same hosts. What one
 * leaves behind must not reach the next, and all jobs that can end well do.
 */
import { guest } from '@verbena/framework';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

const root = join(dirname(guest('exit-code')), '../../..');
const cg = [join(root, 'test/guests/nas/cg.c'), '-DCLASS=S'];
const is = [join(root, 'test/guests/nas/is.c'), '-DCLASS=S'];
const heat = [join(root, 'examples/heat2d.c')];

interface Visit {
  readonly title: string;
  readonly args: readonly string[];
  readonly ends: RegExp;
}

/** The programs of one round; each round leaves its crashes on VMs that the next one uses again. */
const round: readonly Visit[] = [
  { title: 'CG', args: cg, ends: /^completed/ },
  { title: 'heat', args: heat, ends: /^completed/ },
  { title: 'a crash', args: [guest('trap-null')], ends: /^failed/ },
  { title: 'IS', args: is, ends: /^completed/ },
  { title: 'an abort', args: [guest('mpi-abort')], ends: /^failed/ },
  { title: 'heat again', args: heat, ends: /^completed/ },
  { title: 'a program without MPI_Finalize', args: [guest('no-finalize')], ends: /^failed/ },
  { title: 'CG again', args: cg, ends: /^completed/ },
];

describe('a long day', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 4, cores: 2 });
  });
  afterAll(() => cluster.down());

  it('ends every job as its program deserves, whatever ran before it', async () => {
    for (let n = 0; n < 2; n++) {
      for (const { title, args, ends } of round) {
        const { stderr } = await cluster.run(['--quiet', '-n', '8', ...args]);
        const { state, reason } = await cluster.lastJob();
        expect(`${state.toLowerCase()}: ${reason}`, `${title}, round ${String(n)}: ${stderr}`).toMatch(ends);
        expect(reason, title).not.toMatch(/connection to rank|exchange of addresses|refuses to connect/);
      }
    }
  }, 300_000);
});

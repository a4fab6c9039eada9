import { describe, expect, it } from 'vitest';
import type { DomainActivity } from '@verbena/hypervisor';
import { ActivityMonitor } from './activity-monitor.ts';

function rankThat(): { activity: DomainActivity; block: (activity: bigint, waitsFor: string) => void; wake: (activity: bigint) => void } {
  const rank = {
    activity: { blocked: false, activity: 0n, waitsFor: '', mpiState: 'initialized' } as DomainActivity,
    block: (activity: bigint, waitsFor: string) => {
      rank.activity = { blocked: true, activity, waitsFor, mpiState: 'initialized' };
    },
    wake: (activity: bigint) => {
      rank.activity = { blocked: false, activity, waitsFor: '', mpiState: 'initialized' };
    },
  };
  return rank;
}

describe('activity monitor', () => {
  it('reports a rank once that has slept for a second, and once more when it wakes', () => {
    const monitor = new ActivityMonitor();
    const rank = rankThat();
    monitor.watch(3, () => rank.activity);
    rank.block(7n, 'MPI_Recv(source=1)');
    expect(monitor.sample(0)).toEqual([]);
    expect(monitor.sample(500)).toEqual([]);
    expect(monitor.sample(1000)).toEqual([{ rank: 3, blocked: true, activity: 7n, waitsFor: 'MPI_Recv(source=1)' }]);
    expect(monitor.sample(1500)).toEqual([]);
    rank.wake(8n);
    expect(monitor.sample(2000)).toEqual([{ rank: 3, blocked: false, activity: 8n, waitsFor: '' }]);
  });

  it('takes a rank that woke between two samples for awake, though it sleeps again', () => {
    const monitor = new ActivityMonitor();
    const rank = rankThat();
    monitor.watch(0, () => rank.activity);
    rank.block(1n, 'a');
    monitor.sample(0);
    monitor.sample(1000);
    rank.block(2n, 'b');
    expect(monitor.sample(1500)).toEqual([{ rank: 0, blocked: false, activity: 2n, waitsFor: 'b' }]);
    expect(monitor.sample(2500)).toEqual([{ rank: 0, blocked: true, activity: 2n, waitsFor: 'b' }]);
  });

  it('says nothing of ranks that compute, nor of those that have ended', () => {
    const monitor = new ActivityMonitor();
    const rank = rankThat();
    monitor.watch(0, () => rank.activity);
    expect(monitor.sample(0)).toEqual([]);
    rank.block(1n, 'a');
    monitor.sample(500);
    monitor.forget(0);
    expect(monitor.sample(5000)).toEqual([]);
  });

  it('repeats a report that did not get through', () => {
    const monitor = new ActivityMonitor();
    const rank = rankThat();
    monitor.watch(0, () => rank.activity);
    rank.block(1n, 'a');
    monitor.sample(0);
    const reports = monitor.sample(1000);
    monitor.repeat(reports);
    expect(monitor.sample(1500)).toEqual(reports);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planBalance, planConsolidation, type Host, type HostedVm, type PlannedMove } from './rearrange-plan.ts';

const host = (id: string, cores = 4, freeMemoryBytes = 1_000): Host => ({ id, cores, freeMemoryBytes });
const vm = (id: string, hostId: string, memoryBytes = 10): HostedVm => ({ id, hostId, vcpus: 1, memoryBytes });

/** VMs by host after the moves. */
function after(hosts: readonly Host[], vms: readonly HostedVm[], moves: readonly PlannedMove[]): Record<string, number> {
  const home = new Map(vms.map((each) => [each.id, each.hostId]));
  for (const { vmId, from, to } of moves) {
    expect(home.get(vmId)).toBe(from);
    home.set(vmId, to);
  }
  return Object.fromEntries(hosts.map(({ id }) => [id, [...home.values()].filter((each) => each === id).length]));
}

const hosts = [host('a'), host('b'), host('c')];
const crowded = ['1', '2', '3', '4'].map((id) => vm(id, 'a'));

describe('balancing', () => {
  it('gives each host its part', () => {
    const moves = planBalance(hosts, crowded);
    expect(Object.values(after(hosts, crowded, moves)).sort()).toEqual([1, 1, 2]);
    expect(moves).toHaveLength(2);
  });

  it('moves nothing where nothing becomes better', () => {
    expect(planBalance(hosts, [vm('1', 'a'), vm('2', 'b')])).toEqual([]);
    expect(planBalance([host('a')], crowded)).toEqual([]);
    expect(planBalance([host('a'), host('b', 4, 5)], crowded)).toEqual([]);
  });

  it('counts cores, not hosts', () => {
    const unlike = [host('large', 8), host('small', 2)];
    const vms = ['1', '2', '3', '4', '5'].map((id) => vm(id, 'large'));
    expect(after(unlike, vms, planBalance(unlike, vms))).toEqual({ large: 4, small: 1 });
  });
});

describe('consolidating', () => {
  it('empties the hosts that run least, where all find room', () => {
    const vms = [vm('1', 'a'), vm('2', 'a'), vm('3', 'a'), vm('4', 'b'), vm('5', 'c'), vm('6', 'c')];
    expect(after(hosts, vms, planConsolidation(hosts, vms))).toEqual({ a: 4, b: 0, c: 2 });
  });

  it('moves nothing from a host that cannot be emptied, and nothing to one that is empty', () => {
    const vms = [...crowded, vm('5', 'b')];
    expect(planConsolidation(hosts, vms)).toEqual([]);
  });
});

describe('a plan', () => {
  const arrangement = fc
    .record({
      cores: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 }),
      homes: fc.array(fc.nat(5), { maxLength: 16 }),
      room: fc.nat(60),
    })
    .map(({ cores, homes, room }) => {
      const all = cores.map((count, index) => host(`h${String(index)}`, count, room));
      const taken = new Map<string, number>();
      const vms = homes.flatMap((home, index) => {
        const at = all[home % all.length];
        const count = taken.get(at?.id ?? '') ?? 0;
        if (at === undefined || count >= at.cores) return [];
        taken.set(at.id, count + 1);
        return [vm(`v${String(index)}`, at.id)];
      });
      return { all, vms };
    });

  type Worth = (all: readonly Host[], counts: Readonly<Record<string, number>>) => number;
  const fullest: Worth = (all, counts) => Math.max(...all.map(({ id, cores }) => (counts[id] ?? 0) / cores));
  const inUse: Worth = (_all, counts) => Object.values(counts).filter((count) => count > 0).length;

  it.each([
    ['to balance', planBalance, fullest],
    ['to consolidate', planConsolidation, inUse],
  ])('%s moves each VM once at most, overfills no host, and makes nothing worse', (_what, plan, worth) => {
    fc.assert(
      fc.property(arrangement, ({ all, vms }) => {
        const moves = plan(all, vms);
        expect(new Set(moves.map(({ vmId }) => vmId)).size).toBe(moves.length);
        const counts = after(all, vms, moves);
        for (const { id, cores } of all) expect(counts[id]).toBeLessThanOrEqual(cores);
        for (const { id, freeMemoryBytes } of all) {
          const came = moves.filter(({ to }) => to === id).length - moves.filter(({ from }) => from === id).length;
          expect(10 * came).toBeLessThanOrEqual(freeMemoryBytes);
        }
        expect(worth(all, counts)).toBeLessThanOrEqual(worth(all, after(all, vms, [])));
      }),
    );
  });
});

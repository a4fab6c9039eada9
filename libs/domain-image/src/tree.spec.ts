import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodesOf, planTrees, roundsFor, type TreeNode } from './index.ts';

const named = (count: number): string[] => Array.from({ length: count }, (_, index) => `node-${index}`);
const some = fc.integer({ min: 0, max: 300 }).map(named);

/** Plays a plan: in each round a holder may serve one node, and only when it had the image before. */
function play(trees: readonly TreeNode[]): { rounds: number; received: string[] } {
  const received: string[] = [];
  const servedInRound = new Set<string>();
  const serve = (holder: string, since: number, children: readonly TreeNode[]): number =>
    children.reduce((last, child) => {
      expect(child.round).toBeGreaterThan(since);
      expect(servedInRound.has(`${holder} ${child.round}`)).toBe(false);
      servedInRound.add(`${holder} ${child.round}`);
      received.push(child.nodeId);
      return Math.max(last, child.round, serve(child.nodeId, child.round, child.children));
    }, 0);
  return { rounds: serve('storage', 0, trees), received };
}

describe('a distribution plan (R31)', () => {
  it('serves each node once, each holder one node a round, in exactly ceil(log2(N + 1)) rounds', () => {
    fc.assert(
      fc.property(some, (nodes) => {
        const trees = planTrees(nodes);
        const { rounds, received } = play(trees);
        expect(received.sort()).toEqual([...nodes].sort());
        expect(rounds).toBe(Math.ceil(Math.log2(nodes.length + 1)));
        expect(rounds).toBe(roundsFor(nodes.length));
        expect(nodesOf(trees)).toHaveLength(nodes.length);
      }),
    );
  });

  it('has the rounds of the paper’s table for 1, 2, 4 and 8 nodes', () => {
    expect([0, 1, 2, 3, 4, 7, 8].map(roundsFor)).toEqual([0, 1, 2, 2, 3, 3, 4]);
  });

  it('is the drawn one for seven nodes', () => {
    const draw = ({ nodeId, round, children }: TreeNode): string =>
      `${nodeId}@${round}${children.length > 0 ? `(${children.map(draw).join(' ')})` : ''}`;
    expect(planTrees(['a', 'b', 'c', 'd', 'e', 'f', 'g']).map(draw)).toEqual(['a@1(c@2(g@3) e@3)', 'b@2(f@3)', 'd@3']);
  });
});

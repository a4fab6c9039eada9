/**
 * Binomial-tree distribution (R31; S1 section 5.3). Storage holds the image; in each round every holder serves one node that lacks it, so the
 * number of holders doubles, and N nodes are served in ceil(log2(N + 1)) rounds. Storage serves a node in every round, too: the plan is one
 * tree for each round, whose root fetches from storage.
 *
 *   N = 7:  round 1  storage->a
 *           round 2  storage->b  a->c
 *           round 3  storage->d  a->e  b->f  c->g
 */

export interface TreeNode {
  readonly nodeId: string;
  /** The round, counted from 1, in which this node receives. */
  readonly round: number;
  /** In the order in which they are served. */
  readonly children: readonly TreeNode[];
}

interface Growing {
  readonly nodeId: string;
  readonly round: number;
  readonly children: Growing[];
}

/** Rounds that a distribution to so many nodes takes. */
export function roundsFor(nodes: number): number {
  return Math.ceil(Math.log2(nodes + 1));
}

/** Plans the trees over distinct nodes, in their order. Empty for no nodes. */
export function planTrees(nodeIds: readonly string[]): readonly TreeNode[] {
  const roots: Growing[] = [];
  const holders: Growing[] = [];
  let next = 0;
  for (let round = 1; next < nodeIds.length; round++) {
    const grow = (into: Growing[]): void => {
      const nodeId = nodeIds[next];
      if (nodeId === undefined) return;
      const node = { nodeId, round, children: [] };
      into.push(node);
      holders.push(node);
      next++;
    };
    const before = holders.length;
    grow(roots);
    for (const holder of holders.slice(0, before)) grow(holder.children);
  }
  return roots;
}

/** All nodes of trees, parents before children. */
export function nodesOf(trees: readonly TreeNode[]): readonly TreeNode[] {
  return trees.flatMap((tree) => [tree, ...nodesOf(tree.children)]);
}

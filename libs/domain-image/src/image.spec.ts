import { given } from '@verbena/event-sourcing/testing';
import { describe, expect, it } from 'vitest';
import {
  badImageName,
  distributionDecider,
  imageDecider,
  outstanding,
  readImageRef,
  type DistributionCommand,
  type DistributionEvent,
  type DistributionState,
  type ImageCommand,
  type ImageEvent,
} from './index.ts';

const at = 5;
const register = (change: Partial<ImageCommand['data']> = {}): ImageCommand => ({
  type: 'RegisterImage',
  at,
  data: {
    name: 'hello',
    digest: 'sha256:1',
    manifest: '{}',
    chunks: [{ digest: 'sha256:2', size: 10 }],
    owner: 'ada',
    public: false,
    labels: {},
    ...change,
  },
});
const registered = (change: Partial<ImageCommand['data']> = {}, version = 1): ImageEvent => ({
  type: 'ImageRegistered',
  data: { ...register(change).data, version, at },
});

describe('an image', () => {
  it('gets a version for each content, and none for the same again', () => {
    given(imageDecider).when(register()).then(registered());
    given(imageDecider, [registered()]).when(register()).thenNothing();
    given(imageDecider, [registered()])
      .when(register({ digest: 'sha256:3' }))
      .then(registered({ digest: 'sha256:3' }, 2));
  });

  it('of another owner, or made public, is another version', () => {
    given(imageDecider, [registered()])
      .when(register({ owner: 'bob' }))
      .then(registered({ owner: 'bob' }, 2));
    given(imageDecider, [registered()])
      .when(register({ public: true }))
      .then(registered({ public: true }, 2));
  });

  it('needs a name and content', () => {
    given(imageDecider)
      .when(register({ name: 'a:b' }))
      .thenRefused('invalid-name');
    given(imageDecider)
      .when(register({ chunks: [] }))
      .thenRefused('no-content');
    for (const name of ['', '-x', 'a/b', 'a b', 'x'.repeat(101), 'ü']) expect(badImageName(name)).toMatch(/cannot name an image/);
    for (const name of ['hello', 'EP.A-8', '2d_heat', 'cafe42']) expect(badImageName(name)).toBeUndefined();
  });

  it('is referred to by name, version and digest', () => {
    expect(readImageRef('hello')).toEqual([{ kind: 'name', name: 'hello' }]);
    expect(readImageRef('hello:3')).toEqual([{ kind: 'version', name: 'hello', version: 3 }]);
    expect(readImageRef('cafe42')).toEqual([
      { kind: 'name', name: 'cafe42' },
      { kind: 'digest', prefix: 'sha256:cafe42' },
    ]);
    expect(readImageRef('sha256:cafe42')).toEqual([{ kind: 'digest', prefix: 'sha256:cafe42' }]);
    for (const ref of ['', 'a b', 'hello:0', 'sha256:xyz', ':1']) expect(() => readImageRef(ref)).toThrow(/no image reference/);
  });
});

describe('a distribution', () => {
  const nodes = ['node-0', 'node-1', 'node-2'];
  const plan: DistributionCommand = {
    type: 'PlanDistribution',
    at,
    data: { imageDigest: 'sha256:1', jobId: 'job-1', nodes, alreadyThere: [], bytesPerNode: 10 },
  };
  const receipt = (nodeId: string): DistributionCommand => ({ type: 'RecordReceipt', at, data: { nodeId, bytes: 10, chunks: 1 } });
  const replan: DistributionCommand = { type: 'ReplanDistribution', at, data: { failed: { 'node-1': 'disk full' } } };
  const complete: DistributionCommand = { type: 'CompleteDistribution', at, data: {} };
  const fail: DistributionCommand = { type: 'FailDistribution', at, data: { reason: 'disk full' } };
  const history = (...commands: readonly DistributionCommand[]): readonly DistributionEvent[] => {
    let state: DistributionState = distributionDecider.initial;
    return commands.flatMap((command) => {
      const decision = distributionDecider.decide(command, state);
      if (!decision.ok) throw new Error(decision.detail);
      state = decision.events.reduce((folded: DistributionState, event) => distributionDecider.evolve(folded, event), state);
      return decision.events;
    });
  };

  const histories: Readonly<Record<DistributionState['status'], readonly DistributionEvent[]>> = {
    none: [],
    'under-way': history(plan, receipt('node-0')),
    completed: history(plan, ...nodes.map(receipt), complete),
    failed: history(plan, fail),
  };
  const commands = { plan, receipt: receipt('node-1'), replan, complete, fail };
  const table: Readonly<Record<keyof typeof commands, readonly string[]>> = {
    //         none                    under-way               completed           failed
    plan: ['DistributionPlanned', '!already-planned', '!already-planned', '!already-planned'],
    receipt: ['!unknown-distribution', 'NodeReceived', '!ended', '!ended'],
    replan: ['!unknown-distribution', 'DistributionReplanned', '!ended', '!ended'],
    complete: ['!unknown-distribution', '!incomplete', '!ended', '!ended'],
    fail: ['!unknown-distribution', 'DistributionFailed', '!ended', '!ended'],
  };
  const cells = (Object.keys(commands) as (keyof typeof commands)[]).flatMap((name) =>
    (Object.keys(histories) as DistributionState['status'][]).map((status, index) => [name, status, table[name][index] ?? ''] as const),
  );

  it.each(cells)('%s when %s: %s', (name, status, expected) => {
    const { state } = given(distributionDecider, histories[status]);
    expect(state.status).toBe(status);
    const decision = distributionDecider.decide(commands[name], state);
    expect(decision.ok ? decision.events.map(({ type }) => type).join(' ') : `!${decision.reason}`).toBe(expected);
  });

  it('counts each node once, and none that it did not plan', () => {
    given(distributionDecider, histories['under-way']).when(receipt('node-0')).thenNothing();
    given(distributionDecider, histories['under-way']).when(receipt('node-9')).thenRefused('unknown-node');
  });

  it('plans again over those that are left, and is complete when all have it', () => {
    const after = history(plan, receipt('node-0'), receipt('node-2'), replan);
    const { state } = given(distributionDecider, after);
    expect(outstanding(state)).toEqual(['node-1']);
    expect(state).toMatchObject({ attempts: 2, trees: [{ nodeId: 'node-1', round: 1, children: [] }] });
    given(distributionDecider, [...after, ...history(plan, receipt('node-1')).slice(1)])
      .when(complete)
      .then({ type: 'DistributionCompleted', data: { bytes: 30, at } });
  });

  it('to nobody is complete at once', () => {
    const empty = { ...plan, data: { ...plan.data, nodes: [] } };
    given(distributionDecider, history(empty))
      .when(complete)
      .then({ type: 'DistributionCompleted', data: { bytes: 0, at } });
  });
});

import { given } from '@verbena/event-sourcing/testing';
import { describe, expect, it } from 'vitest';
import { decideNode, evolveNode, nodeDecider, unknownNode, type NodeCommand, type NodeEvent, type NodeState } from './index.ts';

const node = { name: 'host-0', cores: 2, memoryBytes: 100, lid: 1, portGuid: '0x1', hypervisor: 'embedded' };
const registered = (epoch: number): NodeEvent => ({ type: 'NodeRegistered', data: { node, epoch, at: 1 } });
const drained: NodeEvent = { type: 'NodeDrained', data: { reason: 'fans', at: 2 } };
const lost = (epoch: number): NodeEvent => ({ type: 'NodeLost', data: { reason: 'silent', epoch, at: 3 } });

const histories: Readonly<Record<NodeState['status'], readonly NodeEvent[]>> = {
  unknown: [],
  ready: [registered(1)],
  drained: [registered(1), drained],
  lost: [registered(1), lost(2)],
};

const at = 9;
const commands: readonly NodeCommand[] = [
  { type: 'RegisterNode', at, data: { node } },
  { type: 'DrainNode', at, data: { reason: 'disk' } },
  { type: 'ResumeNode', at, data: {} },
  { type: 'LoseNode', at, data: { reason: 'gone' } },
  { type: 'DisablePort', at, data: { by: 'ada' } },
  { type: 'EnablePort', at, data: { by: 'ada' } },
];

/** The state after a command, by the state before; 'refused' where it makes no sense. */
const table: Readonly<Record<NodeCommand['type'], Readonly<Record<NodeState['status'], NodeState['status'] | 'refused'>>>> = {
  RegisterNode: { unknown: 'ready', ready: 'ready', drained: 'drained', lost: 'ready' },
  DrainNode: { unknown: 'refused', ready: 'drained', drained: 'drained', lost: 'lost' },
  ResumeNode: { unknown: 'refused', ready: 'ready', drained: 'ready', lost: 'lost' },
  LoseNode: { unknown: 'refused', ready: 'lost', drained: 'lost', lost: 'lost' },
  DisablePort: { unknown: 'refused', ready: 'ready', drained: 'drained', lost: 'lost' },
  EnablePort: { unknown: 'refused', ready: 'ready', drained: 'drained', lost: 'lost' },
};

const fold = (events: readonly NodeEvent[]): NodeState => events.reduce(evolveNode, unknownNode);

describe('a node', () => {
  const cells = Object.keys(histories).flatMap((status) =>
    commands.map((command) => [command.type, status as NodeState['status'], command] as const),
  );

  it.each(cells)('%s when %s', (type, status, command) => {
    const state = fold(histories[status]);
    expect(state.status).toBe(status);
    const decision = decideNode(command, state);
    expect(decision.ok ? fold([...histories[status], ...decision.events]).status : 'refused').toBe(table[type][status]);
  });

  it('keeps its port down until an operator enables it, however often the host comes back', () => {
    const down = fold([registered(1), { type: 'NodePortDisabled', data: { by: 'ada', at } }]);
    expect(down).toMatchObject({ status: 'ready', portDisabled: true });
    expect(decideNode({ type: 'DisablePort', at, data: { by: 'grace' } }, down)).toEqual({ ok: true, events: [] });
    const back = evolveNode(down, registered(2));
    expect(back).toMatchObject({ status: 'ready', portDisabled: true });
    expect(decideNode({ type: 'EnablePort', at, data: { by: 'ada' } }, back)).toEqual({
      ok: true,
      events: [{ type: 'NodePortEnabled', data: { by: 'ada', at } }],
    });
  });

  it('is given a higher epoch each time that it registers or is lost', () => {
    given(nodeDecider, [registered(1), lost(2)])
      .when(commands[0]!)
      .then({ type: 'NodeRegistered', data: { node, epoch: 3, at } });
    given(nodeDecider, [registered(4)])
      .when(commands[3]!)
      .then({ type: 'NodeLost', data: { reason: 'gone', epoch: 5, at } });
  });

  it('stays drained when it is lost and comes back', () => {
    expect(fold([registered(1), drained, lost(2), registered(3)])).toMatchObject({ status: 'drained', drained: 'fans' });
    expect(fold([registered(1), lost(2), drained, registered(3)])).toMatchObject({ status: 'drained' });
  });

  it('must have something to give', () => {
    const none = { ...node, cores: 0 };
    given(nodeDecider)
      .when({ type: 'RegisterNode', at, data: { node: none } })
      .thenRefused('invalid-node');
    given(nodeDecider)
      .when({ type: 'RegisterNode', at, data: { node: { ...node, memoryBytes: Number.NaN } } })
      .thenRefused('invalid-node');
  });

  it('keeps its LID over registrations, whatever the later ones say', () => {
    const again = decideNode({ type: 'RegisterNode', at, data: { node: { ...node, lid: 9 } } }, fold([registered(1), lost(2)]));
    expect(again).toMatchObject({ ok: true, events: [{ data: { node: { lid: 1 }, epoch: 3 } }] });
  });
});

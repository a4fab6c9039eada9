import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { eventv1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../terminal/text.ts';
import { entityLines, parseWhen } from './at.ts';
import { outcomeLines } from './replay.ts';

const now = new Date('2026-11-21T08:00:00Z');

describe('verbena at', () => {
  it('tells positions from times', () => {
    expect(parseWhen('now', now)).toEqual({ case: undefined });
    expect(parseWhen('1234', now)).toEqual({ case: 'position', value: 1234n });
    expect(parseWhen('10m', now)).toEqual({ case: 'time', value: timestampFromDate(new Date('2026-11-21T07:50:00Z')) });
    expect(parseWhen('2026-11-20T00:00:00Z', now)).toMatchObject({ case: 'time' });
    expect(() => parseWhen('yesterday', now)).toThrow('is not a duration');
  });

  it('shows one thing whole, in 80 columns, whatever its state holds', () => {
    const state = new TextEncoder().encode(JSON.stringify({ status: 'idle', reason: `${'x'.repeat(200)}\u001b[31m` }));
    const entity = create(eventv1.EntitySchema, { kind: 'vm', id: 'vm-1', status: 'idle', jobId: 'job-1', nodeId: 'node-0', state });
    const lines = entityLines(entity, 80);
    expect(lines).toContain('status   idle');
    expect(lines).toContain('job      job-1');
    expect(lines.join('\n')).not.toContain('\u001b');
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });
});

describe('verbena replay', () => {
  const outcome = { name: 'event_index', position: 10n, events: 10n, rows: 40n, liveHash: `sha256:${'a'.repeat(64)}`, swapped: true };

  it('prints both hashes and says whether they are equal, in 80 columns', () => {
    const lines = outcomeLines(create(eventv1.ReplayOutcomeSchema, { ...outcome, rebuiltHash: outcome.liveHash }));
    expect(lines[0]).toBe('event_index: equal');
    expect(lines.filter((line) => line.includes('a'.repeat(64)))).toHaveLength(2);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
    const other = outcomeLines(create(eventv1.ReplayOutcomeSchema, { ...outcome, rebuiltHash: 'sha256:b' }));
    expect(other[0]).toContain('DIFFERENT: the rebuilt one is in use now');
  });
});

import type { RecordedEvent } from '@verbena/event-sourcing';
import { describe, expect, it } from 'vitest';
import { Hits, jobPhases, jobStage, jobStages, migrationStage } from './hits.ts';
import { killRun, killSteps, moveRun, moveSteps } from './plan.ts';

const victimsOf = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `victim-${String(index)}`);

describe('the runs of a campaign', () => {
  it.each([1, 2, 9, 10, 17, 18])('bring each of %i victims together with each step, once in a round', (count) => {
    const victims = victimsOf(count);
    const pairs = Array.from({ length: count * killSteps.length }, (_, seed) => killRun(seed, victims, 4));
    expect(new Set(pairs.map(({ victim, step }) => `${victim} ${step.name}`)).size).toBe(pairs.length);
    const moves = Array.from({ length: count * moveSteps.length }, (_, seed) => moveRun(seed, victims));
    expect(new Set(moves.map(({ victim, step }) => `${victim} ${step.name}`)).size).toBe(moves.length);
  });

  it('follow from their numbers alone', () => {
    const victims = victimsOf(9);
    expect(killRun(42, victims, 4)).toEqual(killRun(42, victims, 4));
    expect(moveRun(42, victims)).toEqual(moveRun(42, victims));
    expect(killRun(42, victims, 4)).not.toEqual({ ...killRun(51, victims, 4), seed: 42 });
  });

  it('ask for as many processes as there is room for, and wait no longer than the step allows', () => {
    for (let seed = 0; seed < 500; seed++) {
      const { job, delayMs, step, beside } = killRun(seed, victimsOf(9), 4);
      expect(job.processes).toBeGreaterThanOrEqual(1);
      expect(job.processes).toBeLessThanOrEqual(4);
      expect(delayMs).toBeLessThan(step.withinMs);
      expect(new Set([job.name, ...beside.map(({ name }) => name)]).size).toBe(3);
    }
  });
});

const event = (type: string, stream = 'job-1'): RecordedEvent =>
  ({ stream, event: { type, data: {} }, metadata: { correlationId: stream } }) as RecordedEvent;

describe('where a job was when its victim died', () => {
  it('is the furthest step that it had made, of its present attempt', () => {
    const story = ['JobSubmitted', 'JobMatched', 'JobPlaced', 'VmCreated', 'VmBooted', 'JobStarted', 'VmStarted'].map((type) =>
      event(type),
    );
    expect(jobStage([], 'job-1')).toBe('not submitted');
    expect(jobStage([event('JobCompleted', 'job-2'), ...story.slice(0, 2)], 'job-1')).toBe('queued');
    expect(jobStage(story, 'job-1')).toBe('running');
    expect(jobStage([...story, event('RankExited'), event('VmStarted')], 'job-1')).toBe('ranks exiting');
    expect(jobStage([...story, event('JobRequeued')], 'job-1')).toBe('queued');
    expect(migrationStage([event('MigrationStarted'), event('MigrationQuiescing')])).toBe('standing still');
  });

  it('is counted by victim, and what nobody was spared is told', () => {
    const hits = new Hits(jobStages, ['a', 'b']);
    for (const stage of ['placed', 'running', 'job ending']) hits.add('a', stage);
    hits.add('b', 'running');
    hits.add('b', 'completed');
    expect(hits.missing(jobPhases)).toEqual(['b in start', 'b in end']);
    const [head, ...rows] = hits.table().split('\n');
    expect(head?.trim().split(/\s+/)).toEqual(['a', 'b']);
    expect(rows).toHaveLength(jobStages.length);
    expect(rows.find((row) => row.startsWith('running'))).toMatch(/ 1 {2}1$/);
  });
});

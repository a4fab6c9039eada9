import { create } from '@bufbuild/protobuf';
import { eventv1, jobv1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { enumName, jsonOf } from './json.ts';

describe('the shape of --json', () => {
  it('has every field, short enum names, and 64-bit integers as strings', () => {
    const job = create(jobv1.JobSchema, {
      id: 'job-1',
      state: jobv1.JobState.RUNNING,
      endCause: jobv1.EndCause.EXIT_NONZERO,
      imageBytesTransferred: 5n,
      ranks: [{ rank: 3, state: jobv1.RankState.CRASHED }],
      spec: { ioPath: jobv1.IoPath.BYPASS },
    });
    expect(jsonOf(jobv1.JobSchema, job)).toMatchObject({
      id: 'job-1',
      state: 'running',
      endCause: 'exit-nonzero',
      reason: '',
      imageBytesTransferred: '5',
      vmsBooted: 0,
      ranks: [{ rank: 3, state: 'crashed', bytesSent: '0' }],
      spec: { ioPath: 'bypass', args: [], env: {} },
    });
  });

  it('shows payloads that are JSON as JSON, and others as they are', () => {
    const event = (text: string) => create(eventv1.EventSchema, { type: 'JobSubmitted', data: new TextEncoder().encode(text) });
    expect(jsonOf(eventv1.EventSchema, event('{"jobId":"job-1"}'))['data']).toEqual({ jobId: 'job-1' });
    expect(jsonOf(eventv1.EventSchema, event('no json'))['data']).toBe(Buffer.from('no json').toString('base64'));
  });

  it('has no page tokens', () => {
    expect(jsonOf(jobv1.ListJobsResponseSchema, create(jobv1.ListJobsResponseSchema, { nextPageToken: 'x' }))).toEqual({ jobs: [] });
  });

  it('names what a newer cluster says and we do not know', () => {
    expect(enumName(jobv1.JobStateSchema, 99)).toBe('99');
  });
});

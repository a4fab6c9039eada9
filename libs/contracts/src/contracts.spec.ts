import { create, type DescService, type Message } from '@bufbuild/protobuf';
import { FieldMaskSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, it } from 'vitest';
import * as contracts from './index.ts';
import { jobv1, loadRequestCheck, onlyMasked, storagev1, unboundedFields } from './index.ts';

const ours = Object.values(contracts)
  .flatMap((namespace) => Object.values(namespace) as { kind?: string; typeName?: string }[])
  .filter((value): value is DescService => value?.kind === 'service' && value.typeName?.startsWith('verbena.') === true);

describe('requests of the contracts', () => {
  it('have a bound on every field that could be of any size', () => {
    const requests = ours.flatMap((service) => service.methods.map((method) => method.input));
    expect(requests.length).toBeGreaterThan(40);
    expect([...new Set(requests.flatMap((message) => unboundedFields(message)))]).toEqual([]);
  });

  it('would be told of a field without one', () => {
    // Responses have none, since nobody but the cluster makes them.
    expect(unboundedFields(jobv1.JobSchema)).toContain('verbena.job.v1.Job.reason');
    expect(unboundedFields(jobv1.JobSchema)).toContain('verbena.job.v1.Job.phase_seconds');
    expect(unboundedFields(storagev1.GetFileResponseSchema)).toEqual(['verbena.storage.v1.GetFileResponse.data']);
  });
});

describe('the check of a request', async () => {
  const check = await loadRequestCheck();
  const digest = `sha256:${'0'.repeat(64)}`;

  it('finds nothing wrong with what is as the contract says', () => {
    const spec = { name: 'ep', processes: 8, args: ['-n', ''], env: { A: 'b' }, inputFiles: [{ path: 'a/b', chunks: [digest] }] };
    expect(check(jobv1.SubmitJobRequestSchema, create(jobv1.SubmitJobRequestSchema, { spec }))).toEqual([]);
    expect(check(storagev1.MissingChunksRequestSchema, create(storagev1.MissingChunksRequestSchema))).toEqual([]);
  });

  it('names each field that is not, with the rule that it breaks', () => {
    const spec = { name: 'n'.repeat(257), args: Array.from({ length: 4097 }, () => 'x'), env: { ['K'.repeat(40_000)]: '' } };
    const request = create(jobv1.SubmitJobRequestSchema, { spec, idempotencyKey: 'k'.repeat(129) });
    const found = check(jobv1.SubmitJobRequestSchema, request).map(({ field, rule }) => `${field.slice(0, 20)} ${rule}`);
    expect(found).toEqual([
      'spec.name string.max_bytes',
      'spec.args repeated.max_items',
      'spec.env["KKKKKKKKKK string.max_bytes',
      'idempotency_key string.max_bytes',
    ]);
    const states = create(jobv1.ListJobsRequestSchema, { states: [1, 99 as jobv1.JobState] });
    expect(check(jobv1.ListJobsRequestSchema, states)).toMatchObject([{ field: 'states[1]', rule: 'enum.defined_only' }]);
    expect(check(jobv1.SubmitJobRequestSchema, create(jobv1.SubmitJobRequestSchema))).toMatchObject([{ field: 'spec', rule: 'required' }]);
  });

  it('reports no more problems than somebody would read', () => {
    const digests = Array.from({ length: 1_000 }, () => 'bad');
    const request: Message = create(storagev1.MissingChunksRequestSchema, { digests });
    expect(check(storagev1.MissingChunksRequestSchema, request)).toHaveLength(20);
  });
});

describe('a read mask', () => {
  const job = create(jobv1.JobSchema, { id: 'job-1', reason: 'why', spec: { name: 'ep' }, exitCode: 3 });
  const masked = (...paths: string[]) => onlyMasked(jobv1.JobSchema, job, create(FieldMaskSchema, { paths }));

  it('keeps the fields that it names, and all when it names none', () => {
    expect(masked('id', 'exitCode', 'spec.name')).toMatchObject({ id: 'job-1', reason: '', exitCode: 3, spec: { name: 'ep' } });
    expect(masked()).toBe(job);
    expect(onlyMasked(jobv1.JobSchema, job, undefined)).toBe(job);
  });

  it('refuses a field that does not exist', () => {
    expect(() => masked('id', 'colour')).toThrow('Job has no field "colour"');
  });
});

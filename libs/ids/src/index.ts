/** Branded identifiers: a JobId cannot be given where a NodeId is wanted, though both are strings at run time. */
declare const brand: unique symbol;
export type Branded<Name extends string> = string & { readonly [brand]: Name };

export type JobId = Branded<'JobId'>;
export type NodeId = Branded<'NodeId'>;
export type VmId = Branded<'VmId'>;
export type ImageDigest = Branded<'ImageDigest'>;
export type ChunkDigest = Branded<'ChunkDigest'>;
export type DistributionId = Branded<'DistributionId'>;
export type MigrationId = Branded<'MigrationId'>;
export type CheckpointId = Branded<'CheckpointId'>;
export type TenantId = Branded<'TenantId'>;

/** Identifiers as people type them: a prefix of the kind, then 1 to 60 characters that need no quoting anywhere. */
const pattern = (prefix: string): RegExp => new RegExp(`^${prefix}-[a-z0-9][a-z0-9-]{0,59}$`);
const digestPattern = /^sha256:[0-9a-f]{64}$/;

function parser<T extends string>(kind: string, expected: RegExp, example: string): (text: string) => T {
  return (text) => {
    if (!expected.test(text)) throw new TypeError(`${JSON.stringify(text)} is not a ${kind}; one looks like ${example}`);
    return text as T;
  };
}

export const jobId = parser<JobId>('job id', pattern('job'), 'job-7k2m9q');
export const nodeId = parser<NodeId>('node id', pattern('node'), 'node-0');
export const vmId = parser<VmId>('VM id', pattern('vm'), 'vm-4x8t1z');
export const distributionId = parser<DistributionId>('distribution id', pattern('dist'), 'dist-5h3j7c');
export const migrationId = parser<MigrationId>('migration id', pattern('mig'), 'mig-2c6v8n');
export const checkpointId = parser<CheckpointId>('checkpoint id', pattern('ckpt'), 'ckpt-8d4w2n');
export const tenantId = parser<TenantId>('tenant id', /^[a-z0-9][a-z0-9-]{0,59}$/, 'physics');
export const imageDigest = parser<ImageDigest>('image digest', digestPattern, 'sha256:<64 hexadecimal digits>');
export const chunkDigest = parser<ChunkDigest>('chunk digest', digestPattern, 'sha256:<64 hexadecimal digits>');

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** A short identifier with 50 bits of the given randomness, in Crockford's base 32: `suffix(randomBytes)` is for adapters to call. */
export function suffix(random: (bytes: number) => Uint8Array): string {
  return Array.from(random(10), (byte) => alphabet[byte & 31]).join('');
}

import { createHash } from 'node:crypto';
import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openChunkStore } from '@verbena/chunk-store';
import { storagev1 } from '@verbena/contracts';
import { withCallContext } from '@verbena/messaging';
import { testContext } from '@verbena/service-kit/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChunkOwners } from './chunk-owners.ts';
import { chunkService } from './chunk-service.ts';

let directory: string;
beforeEach(async () => void (directory = await mkdtemp(join(tmpdir(), 'verbena-owners-'))));
afterEach(() => rm(directory, { recursive: true, force: true }));

const path = () => join(directory, 'chunk-owners');
const digestOf = (data: Uint8Array): string => `sha256:${createHash('sha256').update(data).digest('hex')}`;
const quark = new TextEncoder().encode('quark');
const digest = digestOf(quark);

describe('the owners of chunks', () => {
  it('are remembered, each pair once, in a file that only its owner reads', async () => {
    const owners = await ChunkOwners.open(path());
    await Promise.all([owners.add('physics', digest), owners.add('physics', digest), owners.add('chemistry', digest)]);
    const again = await ChunkOwners.open(path());
    expect([again.has('physics', digest), again.has('chemistry', digest), again.has('biology', digest)]).toEqual([true, true, false]);
    const { size, mode } = await stat(path());
    expect([size, mode & 0o777]).toEqual(['physics chemistry'.length - 1 + 2 * (1 + digest.length + 1), 0o600]);
  });

  it('survive a line that a crash has torn', async () => {
    await (await ChunkOwners.open(path())).add('physics', digest);
    await appendFile(path(), 'chemistry sha256:ab');
    const owners = await ChunkOwners.open(path());
    expect([owners.has('physics', digest), owners.has('chemistry', digest)]).toEqual([true, false]);
  });
});

describe('asking for missing chunks', () => {
  it('tells a tenant nothing of what others have stored, and admins and services how it is', async () => {
    const context = await testContext();
    const chunks = await openChunkStore({ directory: join(directory, 'chunks') });
    await context.bus.serve(storagev1.ChunkService, chunkService(chunks, await ChunkOwners.open(path())));
    const client = context.bus.client(storagev1.ChunkService);
    const as = <T>(tenant: string, roles: string[], run: () => Promise<T>) => withCallContext({ actor: 'ada', tenant, roles }, run);
    const missing = async (tenant: string, ...roles: string[]) =>
      (await as(tenant, roles, () => client.missingChunks({ digests: [digest] }))).digests;
    await as('physics', ['user'], () => client.putChunk({ digest, data: quark }));
    expect(await missing('physics', 'user')).toEqual([]);
    expect(await missing('chemistry', 'operator')).toEqual([digest]);
    expect(await missing('chemistry', 'admin')).toEqual([]);
    expect(await missing('chemistry')).toEqual([]);
    await as('chemistry', ['user'], () => client.putChunk({ digest, data: quark }));
    expect(await missing('chemistry', 'user')).toEqual([]);
    await context.dispose();
  });
});

/** OutputService: streams of ranks, and files. */
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ChunkStore } from '@verbena/chunk-store';
import { storagev1 } from '@verbena/contracts';
import type { EventMetadata, EventStore } from '@verbena/event-sourcing';
import { callContext, currentTraceparent } from '@verbena/messaging';
import { pageOf } from '@verbena/service-kit';
import { edge, StorageError, streamEdge } from '../errors.ts';
import { continueOutput } from './continuing.ts';
import { checkRank, filesOf, findFile, outputSealed, outputStream, putFile } from './files.ts';
import type { JobOwners } from './job-owners.ts';
import type { OutputLogs } from './output-logs.ts';
import type { OutputRecord } from './record.ts';

export interface OutputServiceOptions {
  readonly logs: OutputLogs;
  readonly store: EventStore;
  readonly chunks: ChunkStore;
  readonly owners: JobOwners;
}

/** The command that seals a job's output, whoever asks for it and however often. */
export const sealCommand = (jobId: string): string => `seal-output/${jobId}`;

const maximumPieces = 4_096;

export function outputService({ logs, store, chunks, owners }: OutputServiceOptions): ServiceImpl<typeof storagev1.OutputService> {
  return {
    appendOutput: edge(async ({ jobId, pieces, attempt }: storagev1.AppendOutputRequest) => {
      if (pieces.length > maximumPieces)
        throw new StorageError('invalid', `${pieces.length} pieces at once; at most ${maximumPieces} are taken`);
      await logs.with(jobId, (log) =>
        log.append(
          pieces.map((piece) => checkPiece(piece, attempt || 1)),
          attempt || 1,
        ),
      );
      return {};
    }),
    streamOutput: streamEdge(async function* (request: storagev1.StreamOutputRequest, { signal }: { signal: AbortSignal }) {
      const { jobId, rank, follow } = request;
      await owners.admit(jobId);
      if (rank !== undefined) checkRank(rank);
      const options = { rank, follow, signal, after: Number(request.after) };
      for await (const { records, next } of logs.stream(jobId, (log) => log.read(options))) {
        const pieces = records.map((record) => ({ ...record, stream: record.stream as storagev1.OutputStream }));
        yield { pieces, next: BigInt(next) };
      }
    }),
    continueOutput: edge(async (request: storagev1.ContinueOutputRequest) => {
      for (const { rank } of request.positions) checkRank(rank);
      await continueOutput(logs, request);
      return {};
    }),
    sealOutput: edge(async ({ jobId }: storagev1.SealOutputRequest) => {
      await logs.with(jobId, async (log) => {
        if (log.sealed) return;
        const events = [{ type: outputSealed, data: { bytes: log.length } }];
        const options = { metadata: await metadataFor(jobId, owners), commandId: sealCommand(jobId) };
        await store.append([{ stream: outputStream(jobId), expectedVersion: 'any', events }], options);
        await log.seal();
      });
      return {};
    }),
    putFile: edge(async ({ file }: storagev1.PutFileRequest) => {
      if (file === undefined) throw new StorageError('invalid', 'the request has no file');
      const { jobId, rank, path, size } = file;
      const attempt = file.attempt || 1;
      await putFile(
        store,
        chunks,
        jobId,
        { rank, path, size: Number(size), chunks: file.chunks, attempt },
        await metadataFor(jobId, owners),
      );
      return {};
    }),
    listFiles: edge(async ({ jobId, pageSize, pageToken }: storagev1.ListFilesRequest) => {
      await owners.admit(jobId);
      const known = await filesOf(store, jobId);
      const { items, nextPageToken } = pageOf(known, ({ rank, path }) => `${rank}/${path}`, pageSize, pageToken);
      return {
        files: items.map(({ rank, path, size, chunks: digests, createdAt }) => ({
          jobId,
          rank,
          path,
          size: BigInt(size),
          chunks: [...digests],
          createdAt: timestampFromDate(createdAt),
        })),
        nextPageToken,
      };
    }),
    getFile: streamEdge(async function* ({ jobId, rank, path }: storagev1.GetFileRequest) {
      await owners.admit(jobId);
      for (const digest of (await findFile(store, jobId, rank, path)).chunks) {
        const data = await chunks.get(digest);
        if (data === undefined) throw new StorageError('corrupt', `the chunk ${digest} of ${path} is not here any more`);
        yield { data };
      }
    }),
  };
}

function checkPiece({ rank, stream, offset, data }: storagev1.OutputPiece, attempt: number): OutputRecord {
  checkRank(rank);
  if (stream !== storagev1.OutputStream.STDOUT && stream !== storagev1.OutputStream.STDERR) {
    throw new StorageError(
      'invalid',
      `a piece of output of rank ${rank} is of stream ${stream}, which is neither standard output nor error`,
    );
  }
  return { rank, stream, attempt, offset, data };
}

/** Everything that is kept for a job belongs to its story. */
async function metadataFor(jobId: string, owners: JobOwners): Promise<EventMetadata> {
  const { actor, tenant: callers } = callContext();
  const tenant = (await owners.tenantOf(jobId)) ?? callers;
  const traceparent = currentTraceparent();
  return { actor, tenant, correlationId: jobId, ...(traceparent !== undefined && { traceparent }) };
}

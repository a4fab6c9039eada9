/** OutputService: streams of ranks, and files. */
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import type { ChunkStore } from '@verbena/chunk-store';
import { storagev1 } from '@verbena/contracts';
import type { EventMetadata, EventStore } from '@verbena/event-sourcing';
import { callContext, currentTraceparent } from '@verbena/messaging';
import { edge, StorageError, streamEdge } from '../errors.ts';
import { checkRank, filesOf, findFile, outputSealed, outputStream, putFile } from './files.ts';
import type { OutputLogs } from './output-logs.ts';
import type { OutputRecord } from './record.ts';

export interface OutputServiceOptions {
  readonly logs: OutputLogs;
  readonly store: EventStore;
  readonly chunks: ChunkStore;
}

const maximumPieces = 4_096;

export function outputService({ logs, store, chunks }: OutputServiceOptions): ServiceImpl<typeof storagev1.OutputService> {
  return {
    appendOutput: edge(async ({ jobId, pieces }: storagev1.AppendOutputRequest) => {
      if (pieces.length > maximumPieces)
        throw new StorageError('invalid', `${pieces.length} pieces at once; at most ${maximumPieces} are taken`);
      await logs.with(jobId, (log) => log.append(pieces.map(checkPiece)));
      return {};
    }),
    streamOutput: streamEdge(async function* ({ jobId, rank, follow }: storagev1.StreamOutputRequest, { signal }: { signal: AbortSignal }) {
      if (rank !== undefined) checkRank(rank);
      for await (const records of logs.stream(jobId, (log) => log.read({ rank, follow, signal }))) {
        yield { pieces: records.map((record) => ({ ...record, stream: record.stream as storagev1.OutputStream })) };
      }
    }),
    sealOutput: edge(async ({ jobId }: storagev1.SealOutputRequest) => {
      await logs.with(jobId, async (log) => {
        if (log.sealed) return;
        const events = [{ type: outputSealed, data: { bytes: log.length } }];
        const options = { metadata: metadataFor(jobId), commandId: `seal-output/${jobId}` };
        await store.append([{ stream: outputStream(jobId), expectedVersion: 'any', events }], options);
        await log.seal();
      });
      return {};
    }),
    putFile: edge(async ({ file }: storagev1.PutFileRequest) => {
      if (file === undefined) throw new StorageError('invalid', 'the request has no file');
      const { jobId, rank, path, size } = file;
      await putFile(store, chunks, jobId, { rank, path, size: Number(size), chunks: file.chunks }, metadataFor(jobId));
      return {};
    }),
    listFiles: edge(async ({ jobId }: storagev1.ListFilesRequest) => {
      const files = await filesOf(store, jobId);
      return {
        files: files.map(({ rank, path, size, chunks: digests, createdAt }) => ({
          jobId,
          rank,
          path,
          size: BigInt(size),
          chunks: [...digests],
          createdAt: timestampFromDate(createdAt),
        })),
      };
    }),
    getFile: streamEdge(async function* ({ jobId, rank, path }: storagev1.GetFileRequest) {
      for (const digest of (await findFile(store, jobId, rank, path)).chunks) {
        const data = await chunks.get(digest);
        if (data === undefined) throw new StorageError('corrupt', `the chunk ${digest} of ${path} is not here any more`);
        yield { data };
      }
    }),
  };
}

function checkPiece({ rank, stream, offset, data }: storagev1.OutputPiece): OutputRecord {
  checkRank(rank);
  if (stream !== storagev1.OutputStream.STDOUT && stream !== storagev1.OutputStream.STDERR) {
    throw new StorageError(
      'invalid',
      `a piece of output of rank ${rank} is of stream ${stream}, which is neither standard output nor error`,
    );
  }
  return { rank, stream, offset, data };
}

/** Everything that is kept for a job belongs to its story. */
function metadataFor(jobId: string): EventMetadata {
  const { actor, tenant } = callContext();
  const traceparent = currentTraceparent();
  return { actor, tenant, correlationId: jobId, ...(traceparent !== undefined && { traceparent }) };
}

import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, createRouterTransport, type HandlerContext } from '@connectrpc/connect';
import { jobv1, storagev1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import type { Session } from '../endpoint/session.ts';
import { asCliError } from '../errors.ts';
import { followJob, type FollowOptions } from './follow-job.ts';

const { JobState } = jobv1;
const job = (state: jobv1.JobState): jobv1.Job => create(jobv1.JobSchema, { id: 'job-1', state });

interface Script {
  /** States that the job goes through; it goes on only when it is cancelled when the list ends without an end. */
  readonly states: readonly jobv1.JobState[];
  readonly output?: readonly string[];
  readonly sealed?: boolean;
  readonly endsWhenCancelled?: boolean;
}

function cluster({ states, output = [], sealed = true, endsWhenCancelled = true }: Script) {
  const cancelled: string[] = [];
  let onCancel: () => void = () => undefined;
  const whenCancelled = new Promise<void>((resolve) => (onCancel = resolve));
  const aborted = (context: HandlerContext) => new Promise((resolve) => context.signal.addEventListener('abort', resolve));
  const transport = createRouterTransport((router) => {
    router.service(jobv1.JobService, {
      watchJob: async function* (_request, context) {
        for (const state of states) yield { job: job(state) };
        if (states.some((state) => state >= JobState.COMPLETED)) return;
        await (endsWhenCancelled ? whenCancelled : aborted(context));
        yield { job: job(JobState.CANCELLED) };
      },
      cancelJob: ({ reason }) => {
        cancelled.push(reason);
        onCancel();
        return {};
      },
    });
    router.service(storagev1.OutputService, {
      streamOutput: async function* (_request, context) {
        for (const text of output)
          yield { pieces: [{ rank: 0, stream: storagev1.OutputStream.STDOUT, offset: 0n, data: new TextEncoder().encode(text) }] };
        if (!sealed) await aborted(context);
        else if (states.every((state) => state < JobState.COMPLETED)) await Promise.race([whenCancelled, aborted(context)]);
      },
    });
  });
  const session: Session = { url: '', client: (service) => createClient(service, transport) };
  return { session, cancelled };
}

function follow(session: Session, more: Partial<FollowOptions> = {}) {
  const seen: string[] = [];
  const handlers: FollowOptions['handlers'] = {
    onJob: ({ state }) => void seen.push(JobState[state]),
    onOutput: (_rank, _stream, data) => Promise.resolve(void seen.push(Buffer.from(data).toString())),
  };
  const bounds = { cancelMs: 50, silenceMs: 50 };
  const stop = new AbortController().signal;
  return { seen, result: followJob(session, 'job-1', { stop, cancelReason: 'enough', handlers, bounds, ...more }) };
}

describe('following a job', () => {
  it('ends with the job and all of its output', async () => {
    const { session, cancelled } = cluster({ states: [JobState.QUEUED, JobState.RUNNING, JobState.COMPLETED], output: ['a', 'b'] });
    const { seen, result } = follow(session);
    expect(await result).toMatchObject({ job: { state: JobState.COMPLETED }, outputComplete: true });
    expect(seen.filter((text) => text.length === 1)).toEqual(['a', 'b']);
    expect(seen.filter((text) => text.length > 1)).toEqual(['QUEUED', 'RUNNING', 'COMPLETED']);
    expect(cancelled).toEqual([]);
  });

  it('goes on where it was when the cluster was away for a moment', async () => {
    const away = new ConnectError('no connection to NATS', Code.Unavailable);
    const asked: bigint[] = [];
    let watched = 0;
    const transport = createRouterTransport((router) => {
      router.service(jobv1.JobService, {
        watchJob: async function* () {
          yield { job: job(watched++ === 0 ? JobState.RUNNING : JobState.COMPLETED) };
          if (watched === 1) throw away;
          await Promise.resolve();
        },
      });
      router.service(storagev1.OutputService, {
        streamOutput: async function* ({ after }) {
          asked.push(after);
          for (let next = after + 1n; next <= 3n; next++) {
            yield { pieces: [{ rank: 0, stream: storagev1.OutputStream.STDOUT, data: new TextEncoder().encode(String(next)) }], next };
            if (next === after + 1n && next < 3n) throw away;
          }
          await Promise.resolve();
        },
      });
    });
    const session: Session = { url: '', client: (service) => createClient(service, transport) };
    const { seen, result } = follow(session, { bounds: { cancelMs: 50, silenceMs: 5_000, awayMs: 5_000 } });
    expect(await result).toMatchObject({ job: { state: JobState.COMPLETED }, outputComplete: true });
    expect(asked).toEqual([0n, 1n, 2n]);
    expect(seen.filter((text) => text.length === 1)).toEqual(['1', '2', '3']);
  });

  it('does not wait for ever for a cluster that stays away, and leaves the job alone', async () => {
    const transport = createRouterTransport((router) => {
      router.service(jobv1.JobService, {
        watchJob: () => {
          throw new ConnectError('no connection to NATS', Code.Unavailable);
        },
      });
    });
    const session: Session = { url: '', client: (service) => createClient(service, transport) };
    const { result } = follow(session, { bounds: { cancelMs: 50, silenceMs: 50, awayMs: 50 } });
    await expect(result).rejects.toThrow(/no connection to NATS|UNIMPLEMENTED|not implemented/i);
  });

  it('waits for a reader that is slow, however long it takes', async () => {
    const { session } = cluster({ states: [JobState.COMPLETED], output: ['a', 'b'] });
    const taken: string[] = [];
    const handlers = {
      onJob: () => undefined,
      onOutput: async (_rank: number, _stream: storagev1.OutputStream, data: Uint8Array) => {
        await new Promise((resolve) => setTimeout(resolve, 120));
        taken.push(Buffer.from(data).toString());
      },
    };
    expect(await follow(session, { handlers }).result).toMatchObject({ outputComplete: true });
    expect(taken).toEqual(['a', 'b']);
  });

  it('gives up on output that does not come, but not on the job', async () => {
    const { session } = cluster({ states: [JobState.COMPLETED], output: ['a'], sealed: false });
    expect(await follow(session).result).toMatchObject({ job: { state: JobState.COMPLETED }, outputComplete: false });
  });

  it('cancels the job when it is asked to stop, and waits for its end', async () => {
    const { session, cancelled } = cluster({ states: [JobState.RUNNING] });
    const stop = new AbortController();
    const { result } = follow(session, { stop: stop.signal });
    stop.abort();
    expect(await result).toMatchObject({ job: { state: JobState.CANCELLED } });
    expect(cancelled).toEqual(['enough']);
  });

  it('waits for that end within a bound', async () => {
    const { session } = cluster({ states: [JobState.RUNNING], endsWhenCancelled: false });
    const { result } = follow(session, { stop: AbortSignal.abort() });
    await expect(result).rejects.toThrow(/did not end within 0.05 s of being cancelled/);
  });

  it('cancels the job when nobody reads its output any more', async () => {
    const { session, cancelled } = cluster({ states: [JobState.RUNNING], output: ['a'] });
    const gone = Object.assign(new Error('write EPIPE'), { code: 'EPIPE', syscall: 'write' });
    const handlers = { onJob: () => undefined, onOutput: () => Promise.reject(gone) };
    const error: unknown = await follow(session, { handlers }).result.catch((reason: unknown) => reason);
    expect(asCliError(error)).toMatchObject({ exitCode: 141, message: '' });
    expect(cancelled).toEqual(['enough']);
  });
});

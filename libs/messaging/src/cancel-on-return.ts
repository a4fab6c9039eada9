/**
 * Connect's client leaves a stream running when its reader leaves the loop early. This wraps a client so that `break`, `return` and an exception
 * in a `for await` cancel the call, as a reader expects of an iterator. A streaming call begins when it is first read.
 */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError, type CallOptions, type Client } from '@connectrpc/connect';

type StreamingCall = (request: unknown, options?: CallOptions) => AsyncIterable<unknown>;

export function cancelOnReturn<S extends DescService>(service: S, client: Client<S>): Client<S> {
  const calls = { ...(client as Record<string, unknown>) };
  for (const { localName, methodKind } of service.methods) {
    if (methodKind !== 'server_streaming' && methodKind !== 'bidi_streaming') continue;
    const call = calls[localName] as StreamingCall;
    calls[localName] = (request: unknown, options: CallOptions = {}) => cancellable(call, request, options);
  }
  return calls as Client<S>;
}

function cancellable(call: StreamingCall, request: unknown, options: CallOptions): AsyncIterable<unknown> {
  const left = new AbortController();
  const signal = options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]);
  // Called when it is first read: the failure of a call that nobody reads yet would be a rejection that nobody handles.
  let stream: AsyncIterable<unknown> | undefined;
  return {
    [Symbol.asyncIterator]() {
      stream ??= call(request, { ...options, signal });
      const iterator = stream[Symbol.asyncIterator]();
      return {
        next: () => iterator.next(),
        return: (value?: unknown) => {
          left.abort(new ConnectError('the reader left the stream', Code.Canceled));
          return Promise.resolve({ done: true, value });
        },
      };
    },
  };
}

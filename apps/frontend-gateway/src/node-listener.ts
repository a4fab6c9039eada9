/** Node's requests to Connect's handlers and back. Failures to deliver an answer are the client's affair more often than ours: they go to the log. */
import { createConnectRouter, type ConnectRouter, type ConnectRouterOptions } from '@connectrpc/connect';
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from '@connectrpc/connect-node';
import type { UniversalHandler, UniversalServerRequest } from '@connectrpc/connect/protocol';
import type { Logger } from 'pino';
import type { RequestListener } from './exchanges.ts';
import { letInFirst, type HeldBytes } from './held-bytes.ts';

export interface ListenerOptions extends ConnectRouterOptions {
  readonly log: Logger;
  /** What requests may hold together. */
  readonly held: HeldBytes;
  routes(router: ConnectRouter): void;
  /** Rejects for a caller who may not call this; asked before anything of the request is read. */
  admit(handler: UniversalHandler, headers: Headers): Promise<unknown>;
}

export function nodeListener({ log, held, routes, admit, ...options }: ListenerOptions): RequestListener {
  const router = createConnectRouter({ acceptCompression: [compressionGzip, compressionBrotli], ...options });
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (request, response) => {
    const handler = handlers.get(request.url?.split('?', 1)[0] ?? '');
    const universal = handler && readRequest(request, response);
    if (handler === undefined || universal === undefined) {
      response.statusCode = handler === undefined ? 404 : 400;
      response.end();
      return;
    }
    const holding = held.hold();
    response.once('close', () => holding.release());
    const body = letInFirst(universal.body as AsyncIterable<Uint8Array>, holding, () => admit(handler, universal.header));
    handler({ ...universal, body })
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch((err: unknown) => log.debug({ err, rpc: handler.requestPath }, 'an answer could not be delivered'));
  };
}

/** Undefined for a request of which no URL can be made: without a host, or with one that is none. */
function readRequest(...[request, response]: Parameters<RequestListener>): UniversalServerRequest | undefined {
  try {
    return universalRequestFromNodeRequest(request, response, undefined, undefined);
  } catch {
    return undefined;
  }
}

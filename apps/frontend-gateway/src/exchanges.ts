/**
 * Requests that are being answered. A client that takes nothing of what waits for it, or whose request never becomes complete, holds memory and a
 * service's attention for nothing: it is let go, and the service is told by the call's abort signal.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { ConnectionLimits } from './limits.ts';

export type ServerRequest = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;
export type RequestListener = (request: ServerRequest, response: Response) => void;

interface Exchange {
  readonly request: ServerRequest;
  readonly response: Response;
  readonly since: number;
  /** Bytes that waited for the client when it was last looked at, and since when they have been as many. */
  waiting: number;
  waitingSince: number;
}

/** The only RPCs whose requests are streams, and so never complete by themselves. They end by their own time-out. */
const streamsRequests = /^\/grpc\.reflection\./;

export class Exchanges {
  readonly #open = new Set<Exchange>();
  readonly #limits: ConnectionLimits;
  #dropped = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many were let go because their client did not do its part. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Wraps a listener so that its requests are watched; those beyond the limit are turned away. */
  watch(listener: RequestListener): RequestListener {
    return (request, response) => {
      if (this.#open.size >= this.#limits.exchanges) {
        response.statusCode = 503;
        response.setHeader('content-type', 'text/plain');
        response.setHeader('retry-after', '1');
        response.end(`the gateway answers ${this.#open.size} requests already\n`);
        return;
      }
      const now = performance.now();
      const exchange: Exchange = { request, response, since: now, waiting: 0, waitingSince: now };
      this.#open.add(exchange);
      response.once('close', () => this.#open.delete(exchange));
      listener(request, response);
    };
  }

  /** Lets those go that have stood still for too long. Called every now and then. */
  sweep(now: number): void {
    for (const exchange of this.#open) {
      const { waiting } = exchange;
      exchange.waiting = waitingFor(exchange.response);
      if (exchange.waiting === 0 || exchange.waiting !== waiting) exchange.waitingSince = now;
      const stalled = now - exchange.waitingSince > this.#limits.stalledMs;
      const incomplete = !exchange.request.complete && now - exchange.since > this.#limits.requestMs;
      if (stalled || (incomplete && !streamsRequests.test(exchange.request.url ?? ''))) this.#drop(exchange);
    }
  }

  #drop(exchange: Exchange): void {
    this.#open.delete(exchange);
    this.#dropped++;
    const { response } = exchange;
    // The code that Node gives a connection that has gone, which nobody reports as a failure of the service.
    const reason = Object.assign(new Error('the client stood still'), { code: 'ECONNRESET' });
    if ('stream' in response) {
      const { stream } = response;
      stream?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      stream?.destroy(reason);
    } else response.destroy(reason);
  }
}

/** Bytes that have been written and not been taken, when there are so many that the writer waits. */
function waitingFor(response: Response): number {
  const stream = 'stream' in response ? response.stream : response;
  return stream?.writableNeedDrain === true ? stream.writableLength : 0;
}

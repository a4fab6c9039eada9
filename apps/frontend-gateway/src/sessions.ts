/** HTTP/2 connections: those that never get as far as settings, or are open without a request for too long, are closed. */
import type { ServerHttp2Session } from 'node:http2';
import type { ConnectionLimits } from './limits.ts';

interface Watched {
  readonly session: ServerHttp2Session;
  readonly since: number;
  settled: boolean;
  streams: number;
  idleSince: number;
  closing: boolean;
}

export class Sessions {
  readonly #open = new Set<Watched>();
  readonly #limits: ConnectionLimits;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  add(session: ServerHttp2Session): void {
    const now = performance.now();
    const watched: Watched = { session, since: now, settled: false, streams: 0, idleSince: now, closing: false };
    this.#open.add(watched);
    session.once('remoteSettings', () => (watched.settled = true));
    session.on('stream', (stream) => {
      watched.streams++;
      stream.once('close', () => {
        watched.streams--;
        watched.idleSince = performance.now();
      });
    });
    session.once('close', () => this.#open.delete(watched));
    // A client that breaks the protocol is its own affair; Node closes the session.
    session.on('error', () => undefined);
  }

  sweep(now: number): void {
    const { openingMs, idleMs } = this.#limits;
    for (const watched of this.#open) {
      const { session, settled, since, streams, idleSince } = watched;
      if (!settled && now - since > openingMs) session.destroy();
      else if (streams === 0 && now - idleSince > idleMs) {
        // Asked to go the first time, made to the second: a client that reads nothing does not see the question.
        if (watched.closing) session.destroy();
        else session.close();
        watched.closing = true;
      }
    }
  }

  /** Takes no more requests; those under way may finish. */
  close(): void {
    for (const { session } of this.#open) session.close();
  }
}

/**
 * A page in a browser can make a name of its own point at 127.0.0.1 and then speak to whatever listens there (DNS rebinding). What listens on
 * loopback therefore answers only to requests that were addressed to loopback.
 */
import type { RequestListener } from './exchanges.ts';

const loopbackNames = new Set(['127.0.0.1', 'localhost', '[::1]', '::1']);

/** Whether an address to listen on can be reached from this machine only. */
export function isLoopback(host: string): boolean {
  return loopbackNames.has(host);
}

/** The name in a Host or :authority header, without the port. */
function hostName(authority: string): string {
  return authority.replace(/:\d+$/, '').toLowerCase();
}

/** Wraps a listener so that requests for another host than loopback are refused with 421; does nothing when not listening on loopback. */
export function hostCheck(listenHost: string, listener: RequestListener): RequestListener {
  if (!isLoopback(listenHost)) return listener;
  return (request, response) => {
    const authority = request.headers[':authority'] ?? request.headers.host;
    if (typeof authority === 'string' && loopbackNames.has(hostName(authority))) {
      listener(request, response);
      return;
    }
    response.statusCode = 421;
    response.setHeader('content-type', 'text/plain');
    response.end(
      `this gateway serves loopback only, not ${typeof authority === 'string' ? JSON.stringify(authority) : 'a request without a host'}\n`,
    );
  };
}

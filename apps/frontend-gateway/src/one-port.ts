/**
 * One TCP port for gRPC (HTTP/2), gRPC-Web and Connect (HTTP/1.1 or HTTP/2). A client of HTTP/2 with prior knowledge opens with the connection
 * preface "PRI * HTTP/2.0" (RFC 9113, section 3.4); no HTTP/1 method starts that way, so the first bytes tell which server gets the socket.
 */
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';

export type RequestListener = (
  request: http.IncomingMessage | http2.Http2ServerRequest,
  response: http.ServerResponse | http2.Http2ServerResponse,
) => void;

export interface OnePort {
  readonly address: net.AddressInfo;
  /** Takes no more connections; those that are open close when they are idle, and all of them after `boundMs`. */
  stop(boundMs: number): Promise<void>;
}

const preface = 'PRI';
/** A client that has said nothing after this long is let go. */
const firstByteMs = 10_000;
const maxConnections = 1024;

/** Reads the first bytes of a connection, puts them back, and says whether they begin the HTTP/2 preface. */
function peek(socket: net.Socket, then: (isHttp2: boolean) => void): void {
  // Kept here until they suffice: bytes put back at once would be "readable" again, for ever.
  let head = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const start = head.toString('latin1', 0, preface.length);
    if (head.length < preface.length && preface.startsWith(start)) return;
    socket.off('readable', onReadable);
    socket.setTimeout(0);
    socket.unshift(head);
    then(start === preface);
  };
  socket.setTimeout(firstByteMs, () => socket.destroy());
  socket.on('readable', onReadable);
}

/** Listens; rejects when the port is taken. Port 0 means any free one. */
export async function listenOnOnePort(host: string, port: number, listener: RequestListener): Promise<OnePort> {
  const h1 = http.createServer(listener);
  // Connections are counted, and slow requests timed out, only by a server that believes to listen.
  h1.emit('listening');
  const h2 = http2.createServer(listener);
  const sockets = new Set<net.Socket>();
  const sessions = new Set<http2.ServerHttp2Session>();
  h2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => sockets.delete(socket));
    // A client that vanishes is its own affair; the requests on the connection are told by their abort signals.
    socket.on('error', () => socket.destroy());
    peek(socket, (isHttp2) => (isHttp2 ? h2 : h1).emit('connection', socket));
  });
  server.maxConnections = maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });

  return {
    address: server.address() as net.AddressInfo,
    stop: async (boundMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      h1.closeIdleConnections();
      const sweep = setInterval(() => h1.closeIdleConnections(), 50);
      const timer = setTimeout(() => sockets.forEach((socket) => socket.destroy()), boundMs);
      await closed;
      clearInterval(sweep);
      clearTimeout(timer);
      h1.close();
    },
  };
}

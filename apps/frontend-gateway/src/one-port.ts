/**
 * One TCP port for gRPC (HTTP/2), gRPC-Web and Connect (HTTP/1.1 or HTTP/2). With TLS the protocol is agreed on in the handshake (ALPN). Without, a
 * client of HTTP/2 with prior knowledge opens with the connection preface "PRI * HTTP/2.0" (RFC 9113, section 3.4); no HTTP/1 method starts that
 * way, so the first bytes tell which server gets the socket.
 */
import * as http from 'node:http';
import * as http2 from 'node:http2';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { Exchanges, type RequestListener } from './exchanges.ts';
import { defaultLimits, type ConnectionLimits } from './limits.ts';
import { Sessions } from './sessions.ts';

export interface OnePortOptions {
  readonly host: string;
  readonly port: number;
  /** With TLS when given; a list of authorities makes clients show a certificate. */
  readonly secure?: tls.SecureContextOptions;
  readonly limits?: Partial<ConnectionLimits>;
}

/** What the port is busy with. */
export interface Load {
  readonly connections: number;
  /** Requests that are being answered, streams among them. */
  readonly exchanges: number;
  /** Requests that were let go because their client stood still. */
  readonly dropped: number;
  /** Connections that were turned away because there were too many. */
  readonly refused: number;
}

export interface OnePort {
  readonly address: net.AddressInfo;
  load(): Load;
  /** For connections from now on. */
  useCertificate(options: tls.SecureContextOptions): void;
  /** Takes no more connections; those that are open close when they are idle, and all of them after `boundMs`. */
  stop(boundMs: number): Promise<void>;
}

const preface = 'PRI';

/** Reads the first bytes of a connection, puts them back, and says whether they begin the HTTP/2 preface. */
function peek(socket: net.Socket, openingMs: number, then: (isHttp2: boolean) => void): void {
  // Kept here until they suffice: bytes put back at once would be "readable" again, for ever.
  let head = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), openingMs);
  socket.once('close', () => clearTimeout(late));
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const start = head.toString('latin1', 0, preface.length);
    if (head.length < preface.length && preface.startsWith(start)) return;
    socket.off('readable', onReadable);
    clearTimeout(late);
    socket.unshift(head);
    then(start === preface);
  };
  socket.on('readable', onReadable);
}

/** The two servers that speak the protocols; neither listens itself. */
function protocolServers(listener: RequestListener, limits: ConnectionLimits, sweepMs: number) {
  const h1 = http.createServer(
    {
      headersTimeout: limits.openingMs,
      requestTimeout: Math.max(limits.openingMs, limits.requestMs),
      connectionsCheckingInterval: sweepMs,
    },
    listener,
  );
  h1.keepAliveTimeout = limits.idleMs;
  // Connections are counted, and slow requests timed out, only by a server that believes to listen.
  h1.emit('listening');
  const h2 = http2.createServer({ settings: { maxConcurrentStreams: limits.streamsPerConnection } }, listener);
  return { h1, h2 };
}

function listener(secure: tls.SecureContextOptions | undefined, openingMs: number): net.Server | tls.Server {
  if (secure === undefined) return net.createServer();
  const requestCert = secure.ca !== undefined;
  const ALPNProtocols = ['h2', 'http/1.1'];
  return tls.createServer({ ...secure, ALPNProtocols, requestCert, rejectUnauthorized: requestCert, handshakeTimeout: openingMs });
}

/** Listens; rejects when the port is taken. Port 0 means any free one. */
export async function listenOnOnePort(options: OnePortOptions, handle: RequestListener): Promise<OnePort> {
  const limits = { ...defaultLimits, ...options.limits };
  const { openingMs, requestMs, idleMs, stalledMs } = limits;
  const sweepMs = Math.max(5, Math.min(1_000, openingMs / 4, requestMs / 4, idleMs / 4, stalledMs / 4));
  const exchanges = new Exchanges(limits);
  const sessions = new Sessions(limits);
  const { h1, h2 } = protocolServers(exchanges.watch(handle), limits, sweepMs);
  h2.on('session', (session) => sessions.add(session));

  const sockets = new Set<net.Socket>();
  let refused = 0;
  const server = listener(options.secure, openingMs);
  server.maxConnections = limits.connections;
  server.on('drop', () => refused++);
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => sockets.delete(socket));
    // A client that vanishes is its own affair; the requests on the connection are told by their abort signals.
    socket.on('error', () => socket.destroy());
    if (options.secure === undefined) peek(socket, openingMs, (isHttp2) => (isHttp2 ? h2 : h1).emit('connection', socket));
  });
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    socket.on('error', () => socket.destroy());
    (socket.alpnProtocol === 'h2' ? h2 : h1).emit('connection', socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const sweeper = setInterval(() => {
    const now = performance.now();
    exchanges.sweep(now);
    sessions.sweep(now);
  }, sweepMs).unref();

  return {
    address: server.address() as net.AddressInfo,
    load: () => ({ connections: sockets.size, exchanges: exchanges.size, dropped: exchanges.dropped, refused }),
    useCertificate: (secure) => {
      if (server instanceof tls.Server) server.setSecureContext(secure);
    },
    stop: async (boundMs) => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      sessions.close();
      h1.closeIdleConnections();
      const sweep = setInterval(() => h1.closeIdleConnections(), 50);
      const timer = setTimeout(() => sockets.forEach((socket) => socket.destroy()), boundMs);
      await closed;
      for (const each of [sweep, sweeper]) clearInterval(each);
      clearTimeout(timer);
      h1.close();
    },
  };
}

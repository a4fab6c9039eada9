/**
 * The calling side: one subscription hears the answers to all calls of this connection. A call that fits takes one message and one answer; what is
 * larger, or a stream, goes on with credit from both sides (flow.ts). No call waits for somebody who is gone: a service that is not there is
 * refused by the server at once, one that dies is noticed by its silence, and with the connection all calls under way fail.
 */
import type { DescMethod } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalClientRequest, UniversalClientResponse } from '@connectrpc/connect/protocol';
import type { Msg } from '@nats-io/transport-node';
import type { Connection } from './connection.ts';
import { Receiver, Sender } from './flow.ts';
import {
  codeOf,
  decodeFrame,
  encodeFrame,
  encodeLines,
  frameHead,
  headersOf,
  maxHeadBytes,
  ownLine,
  type Frame,
  type FrameParts,
} from './frame.ts';
import { everyReplica, type ServiceSubjects } from './layout.ts';
import { silentPeriods, type NatsBusLimits } from './limits.ts';

export interface CallsOptions {
  readonly prefix: string;
  /** The tokens of this caller. */
  readonly me: string;
  readonly limits: NatsBusLimits;
  readonly told: (error: Error, what: string) => void;
}

const aliveToken = 'alive';

export class Calls {
  readonly #connection: Connection;
  readonly #options: CallsOptions;
  readonly #pending = new Map<string, PendingCall>();
  /** Periods for which a replica has been silent, by its control subject. */
  readonly #replicas = new Map<string, { silent: number }>();
  readonly #sweep: NodeJS.Timeout;
  #last = 0;

  constructor(connection: Connection, options: CallsOptions) {
    this.#connection = connection;
    this.#options = options;
    connection.subscribe(`${options.prefix}.re.*.*.${options.me}.${connection.id}.*`, (message) => this.#hear(message));
    connection.onLost(() => this.failAll(new ConnectError('the connection to NATS was lost during the call', Code.Unavailable)));
    connection.onRefused((subject, cause) => this.#refused(subject, cause));
    this.#sweep = setInterval(() => this.#period(), options.limits.aliveMs).unref();
  }

  /** Makes a call of one method. Its request's body is sent whole when the method's kind says that it is a single message. */
  async call(method: DescMethod, to: ServiceSubjects, name: string, request: UniversalClientRequest): Promise<UniversalClientResponse> {
    const { me, limits } = this.#options;
    if (!this.#connection.connected) throw new ConnectError(`${name} cannot be called: no connection to NATS`, Code.Unavailable);
    const key = (++this.#last).toString(36);
    const call = new PendingCall({
      subject: to.call(method.name, me),
      reply: `${to.answers}${me}.${this.#connection.id}.${key}`,
      control: (replica) => `${to.control(replica)}${me}.${this.#connection.id}.${key}`,
      name,
      limits,
      publish: (subject, parts, reply) => this.#connection.publish(subject, encodeFrame(parts), reply),
      finished: () => this.#pending.delete(key),
      ...(request.signal !== undefined && { signal: request.signal }),
    });
    const whole = method.methodKind === 'unary' || method.methodKind === 'server_streaming';
    const head = encodeLines(request.header);
    if (head.length > maxHeadBytes)
      throw new ConnectError(`the headers of a call may take ${maxHeadBytes} bytes, these take ${head.length}`, Code.ResourceExhausted);
    const body = request.body?.[Symbol.asyncIterator]() ?? nothing();
    const first = whole ? await readWhole(body) : undefined;
    request.signal?.throwIfAborted();
    this.#pending.set(key, call);
    const room = this.#connection.maxPayload - frameHead.size - head.length;
    call.open(head, first, body, room);
    return call.response;
  }

  failAll(error: ConnectError): void {
    for (const call of [...this.#pending.values()]) call.fail(error, false);
    this.#replicas.clear();
  }

  close(): void {
    clearInterval(this.#sweep);
    this.failAll(new ConnectError('the bus was closed during the call', Code.Unavailable));
  }

  #hear(message: Msg): void {
    const { subject } = message;
    const key = subject.slice(subject.lastIndexOf('.') + 1);
    try {
      if (key === aliveToken) return this.#heardOf(subject, decodeFrame(message.data));
      const call = this.#pending.get(key);
      // Late, or made up: only the service that was called may publish on the subject that the call waits on.
      if (call === undefined || call.reply !== subject) return;
      if (message.data.length === 0 && message.headers?.code === 503) return call.nobody();
      call.take(decodeFrame(message.data));
      if (call.replica !== undefined) this.#replicas.set(call.controlOfReplica(), { silent: 0 });
    } catch (error) {
      this.#options.told(error as Error, subject);
      this.#pending
        .get(key)
        ?.fail(new ConnectError('the answer to the call was malformed', Code.Internal, undefined, undefined, error), true);
    }
  }

  #heardOf(subject: string, frame: Frame): void {
    const replica = ownLine(frame, ':replica');
    if (replica === undefined) return;
    for (const [control, known] of this.#replicas) {
      // <prefix>.re.<service>.<instance>. against <prefix>.ctl.<service>.<instance>.<replica>.
      const at = control.replace('.ctl.', '.re.');
      if (at.startsWith(`${subject.split('.').slice(0, -4).join('.')}.${replica}.`)) known.silent = 0;
    }
  }

  #refused(subject: string, cause: Error): void {
    for (const call of [...this.#pending.values()])
      if (call.subject === subject)
        call.fail(new ConnectError(`NATS does not let us call ${call.name}`, Code.PermissionDenied, undefined, undefined, cause), false);
  }

  /** Once in a while: tells the replicas that we are there, and gives up those that say nothing. Counts periods, not time: we may have slept. */
  #period(): void {
    const used = new Set<string>();
    for (const call of [...this.#pending.values()]) {
      if (call.replica === undefined) {
        if (++call.silent > silentPeriods) call.fail(new ConnectError(`${call.name} did not answer`, Code.Unavailable), true);
        continue;
      }
      const control = call.controlOfReplica();
      used.add(control);
      if ((this.#replicas.get(control)?.silent ?? 0) >= silentPeriods)
        call.fail(new ConnectError(`${call.name} went silent during the call`, Code.Unavailable), true);
    }
    for (const [control, known] of this.#replicas) {
      if (!used.has(control)) this.#replicas.delete(control);
      else known.silent++;
      const { me } = this.#options;
      if (used.has(control))
        this.#connection.publish(`${control}${me}.${this.#connection.id}.${aliveToken}`, encodeFrame({ kind: 'alive' }));
    }
  }
}

interface PendingOptions {
  readonly subject: string;
  readonly reply: string;
  readonly control: (replica: string) => string;
  readonly name: string;
  readonly limits: NatsBusLimits;
  publish(subject: string, parts: FrameParts, reply?: string): void;
  finished(): void;
  readonly signal?: AbortSignal;
}

class PendingCall {
  readonly subject: string;
  readonly reply: string;
  readonly name: string;
  readonly response: Promise<UniversalClientResponse>;
  /** Periods since the call was made, in which nothing was heard. */
  silent = 0;
  replica: string | undefined;
  readonly #options: PendingOptions;
  readonly #receiver: Receiver;
  readonly #settle: PromiseWithResolvers<UniversalClientResponse>;
  #sender: Sender | undefined;
  #rest: { readonly body: AsyncIterator<Uint8Array>; readonly first: Uint8Array | undefined } | undefined;
  #over = false;
  readonly #abort = (): void => this.fail(ConnectError.from(this.#options.signal?.reason, Code.Canceled), true);

  constructor(options: PendingOptions) {
    this.#options = options;
    this.subject = options.subject;
    this.reply = options.reply;
    this.name = options.name;
    this.#settle = Promise.withResolvers();
    this.response = this.#settle.promise;
    this.#receiver = new Receiver({
      window: options.limits.window,
      grant: (limit) => this.#tell({ kind: 'credit', limit }),
      left: () => this.fail(new ConnectError('the reader left the stream', Code.Canceled), true),
    });
    options.signal?.addEventListener('abort', this.#abort, { once: true });
  }

  controlOfReplica(): string {
    const own = this.#options.control(this.replica ?? everyReplica);
    // Without the caller's four tokens, which name this very call.
    return `${own.split('.').slice(0, -4).join('.')}.`;
  }

  /** Sends the request: all of it where it fits one message, else what the service asks for once it has taken the call. */
  open(head: string, first: Uint8Array | undefined, body: AsyncIterator<Uint8Array>, room: number): void {
    const { limits } = this.#options;
    const fits = first !== undefined && first.length <= room;
    const parts: FrameParts = { kind: 'request', end: fits, limit: limits.window, head, ...(fits && { body: first }) };
    if (!fits) this.#rest = { body, first };
    this.#options.publish(this.subject, parts, this.reply);
  }

  take(frame: Frame): void {
    if (this.#over) return;
    this.silent = 0;
    const replica = ownLine(frame, ':replica');
    if (replica !== undefined) this.replica = replica;
    switch (frame.kind) {
      case 'response':
        this.#receiver.push(frame);
        this.#settle.resolve({ status: frame.status, header: headersOf(frame), trailer: new Headers(), body: this.#receiver });
        break;
      case 'data':
        this.#receiver.push(frame);
        break;
      case 'accept':
      case 'credit':
        this.#credit(frame.limit);
        break;
      case 'reset':
        return this.fail(new ConnectError(Buffer.from(frame.body).toString('utf8'), codeOf(frame)), false);
      default:
        return;
    }
    if (this.#receiver.ended) this.#finish();
  }

  nobody(): void {
    this.fail(new ConnectError(`${this.name} is not served at the moment`, Code.Unavailable), false);
  }

  fail(error: ConnectError, tell: boolean): void {
    if (this.#over) return;
    if (tell) this.#tell({ kind: 'cancel' });
    this.#settle.reject(error);
    this.#settle.promise.catch(() => undefined);
    this.#receiver.fail(error);
    this.#sender?.fail(error);
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#sender?.fail(new ConnectError('the call is over', Code.Canceled));
    this.#options.signal?.removeEventListener('abort', this.#abort);
    this.#options.finished();
  }

  #tell(parts: FrameParts): void {
    this.#options.publish(this.#options.control(this.replica ?? everyReplica), parts);
  }

  #credit(limit: number): void {
    if (this.#sender !== undefined) return this.#sender.credit(limit);
    const rest = this.#rest;
    if (rest === undefined || this.replica === undefined) return;
    const { pieceBytes, idleCreditMs } = this.#options.limits;
    const sender = new Sender(
      {
        pieceBytes,
        idleCreditMs,
        send: (sequence, piece, end) => this.#tell({ kind: 'data', sequence, end, ...(piece && { body: piece }) }),
      },
      1,
      limit,
    );
    this.#sender = sender;
    const sent = rest.first === undefined ? sender.pump(rest.body) : sender.write(rest.first).then(() => sender.pump(rest.body));
    sent.catch((error: unknown) => this.fail(ConnectError.from(error), true));
  }
}

async function readWhole(body: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let step = await body.next(); step.done !== true; step = await body.next()) pieces.push(step.value);
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}

function nothing(): AsyncIterator<Uint8Array> {
  return { next: () => Promise.resolve({ done: true, value: undefined }) };
}

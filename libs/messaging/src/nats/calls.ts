/**
 * The calling side: one subscription hears the answers to all calls of this connection. A call that fits takes one message and one answer; what is
 * larger, or a stream, goes on with credit from both sides (flow.ts). No call waits for somebody who is gone: a service that is not there is
 * refused by the server at once, and with the connection all calls under way fail. A replica that dies takes its subscription with it, so a message
 * to it comes back from the server: this is how calls that take longer learn of it. One that is stopped, or cut off, is noticed by its silence.
 */
import type { DescMethod, DescMethodUnary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalClientRequest, UniversalClientResponse } from '@connectrpc/connect/protocol';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { SentUnary, UnaryAnswer, UnaryRequest } from '../unary.ts';
import type { Connection } from './connection.ts';
import { gather } from './flow.ts';
import { decodeFrame, encodeFrame, encodeLines, headerLines, headersOf, maxHeadBytes, ownLine, type Frame } from './frame.ts';
import type { ServiceSubjects } from './layout.ts';
import { silentPeriods, type NatsBusLimits } from './limits.ts';
import { PendingCall } from './pending-call.ts';

export interface CallsOptions {
  readonly prefix: string;
  /** The tokens of this caller. */
  readonly me: string;
  readonly limits: NatsBusLimits;
  readonly told: (error: Error, what: string) => void;
}

/** Whom a call goes to. */
export interface Callee {
  readonly name: string;
  readonly subjects: ServiceSubjects;
}

/** A replica that has taken calls of ours. */
interface Replica {
  readonly callee: string;
  /** Where it is told things. */
  readonly control: string;
  /** Periods for which it has been silent. */
  silent: number;
}

const aliveToken = 'alive';
/** Before a replica's name: what the server answers when there is no such replica any more. */
const goneToken = 'gone=';
/** A call that has been under way for so many probes may be at a replica that is gone. */
const probesBeforeGone = 2;
const mostReplicas = 1024;

export class Calls {
  readonly #connection: Connection;
  readonly #options: CallsOptions;
  readonly #pending = new Map<string, PendingCall>();
  /** By control subject; the one longest known first. */
  readonly #replicas = new Map<string, Replica>();
  readonly #sweeps: readonly NodeJS.Timeout[];
  #answers: Subscription;
  #last = 0;

  constructor(connection: Connection, options: CallsOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#answers = this.#listen();
    connection.onLost(() => this.#lost());
    connection.onRefused((subject, cause) => this.#refused(subject, cause));
    const { aliveMs, probeMs } = options.limits;
    this.#sweeps = [setInterval(() => this.#period(), aliveMs).unref(), setInterval(() => this.#probe(), probeMs).unref()];
  }

  unary(method: DescMethodUnary, to: Callee, { lines, body }: UnaryRequest): SentUnary {
    const call = this.#begin(method, to);
    call.open(headOf(lines), body, undefined, this.#connection.maxPayload);
    return { answer: this.#answer(call), cancel: (reason) => call.fail(reason, true) };
  }

  /** Makes a call with a stream. Its request's body is sent whole when the method's kind says that it is a single message. */
  async stream(method: DescMethod, to: Callee, request: UniversalClientRequest): Promise<UniversalClientResponse> {
    const { signal } = request;
    const head = headOf(request.header);
    const body = request.body?.[Symbol.asyncIterator]() ?? nothing();
    const whole = method.methodKind === 'server_streaming' ? await gather(body, this.#options.limits.messageBytes) : undefined;
    signal?.throwIfAborted();
    const call = this.#begin(method, to);
    const abort = (): void => call.fail(ConnectError.from(signal?.reason, Code.Canceled), true);
    signal?.addEventListener('abort', abort, { once: true });
    void call.over.then(() => signal?.removeEventListener('abort', abort));
    call.open(head, whole, body, this.#connection.maxPayload);
    const { frame, rest } = await call.opened;
    return { status: frame.status, header: headersOf(frame), trailer: new Headers(), body: rest ?? once(frame.body) };
  }

  failAll(error: ConnectError): void {
    for (const call of [...this.#pending.values()]) call.fail(error, false);
    this.#replicas.clear();
  }

  close(): void {
    for (const sweep of this.#sweeps) clearInterval(sweep);
    this.failAll(new ConnectError('the bus was closed during the call', Code.Unavailable));
  }

  #listen(): Subscription {
    const { prefix, me } = this.#options;
    return this.#connection.subscribe(`${prefix}.re.*.*.${me}.${this.#connection.id}.*`, (message) => this.#hear(message));
  }

  #lost(): void {
    this.failAll(new ConnectError('the connection to NATS was lost during the call', Code.Unavailable));
    this.#answers.unsubscribe();
    this.#answers = this.#listen();
  }

  /** @throws {ConnectError} UNAVAILABLE while the connection is lost */
  #begin(method: DescMethod, { name, subjects }: Callee): PendingCall {
    const { me, limits } = this.#options;
    if (!this.#connection.connected) throw new ConnectError(`${name} cannot be called: no connection to NATS`, Code.Unavailable);
    const key = (++this.#last).toString(36);
    const own = `${me}.${this.#connection.id}.${key}`;
    const call = new PendingCall({
      subject: subjects.call(method.name, me),
      reply: subjects.answers + own,
      own,
      control: subjects.control,
      callee: subjects.answers,
      name,
      limits,
      publish: (subject, parts, reply) => this.#connection.publish(subject, encodeFrame(parts), reply),
      finished: () => this.#pending.delete(key),
    });
    this.#pending.set(key, call);
    return call;
  }

  async #answer(call: PendingCall): Promise<UnaryAnswer> {
    const { frame, rest } = await call.opened;
    if (rest === undefined) return { status: frame.status, lines: frame.lines, body: frame.body };
    const body = await gather(rest[Symbol.asyncIterator](), this.#options.limits.messageBytes);
    return { status: frame.status, lines: headerLines(frame), body };
  }

  #hear(message: Msg): void {
    const { subject, data } = message;
    const key = subject.slice(subject.lastIndexOf('.') + 1);
    try {
      if (key === aliveToken) return this.#heardOf(subject, decodeFrame(data));
      if (key.startsWith(goneToken)) return message.headers?.code === 503 ? this.#gone(subject, key.slice(goneToken.length)) : undefined;
      const call = this.#pending.get(key);
      // Late, or made up: only the service that was called may publish on the subject that the call waits on.
      if (call === undefined || call.reply !== subject) return;
      if (data.length === 0 && message.headers?.code === 503) return call.nobody();
      call.take(decodeFrame(data));
      if (call.replica !== undefined) this.#know(call);
    } catch (error) {
      this.#options.told(error as Error, subject);
      this.#pending
        .get(key)
        ?.fail(new ConnectError('the answer to the call was malformed', Code.Internal, undefined, undefined, error), true);
    }
  }

  #heardOf(subject: string, frame: Frame): void {
    const replica = ownLine(frame, ':replica');
    const known = replica === undefined ? undefined : this.#replicas.get(this.#controlFrom(subject, replica));
    if (known !== undefined) known.silent = 0;
  }

  /** <prefix>.re.<service>.<instance>.<caller>.<connection>.alive tells of <prefix>.ctl.<service>.<instance>.<replica>. */
  #controlFrom(subject: string, replica: string): string {
    const { prefix } = this.#options;
    const [service, instance] = subject.slice(prefix.length + '.re.'.length).split('.');
    return `${prefix}.ctl.${service ?? ''}.${instance ?? ''}.${replica}.`;
  }

  #know(call: PendingCall): void {
    const control = call.controlOfReplica();
    const known = this.#replicas.get(control);
    if (known !== undefined) {
      known.silent = 0;
      return;
    }
    // Somebody new: those that were there before may be gone.
    for (const replica of this.#replicas.values()) if (replica.callee === call.callee) this.#ask(replica);
    this.#replicas.set(control, { callee: call.callee, control, silent: 0 });
    const [oldest] = this.#replicas.keys();
    if (this.#replicas.size > mostReplicas && oldest !== undefined) this.#replicas.delete(oldest);
  }

  /** Asks after the replicas that may have the calls which have been under way for a while. */
  #probe(): void {
    const callees = new Set<string>();
    for (const call of this.#pending.values()) if (++call.probes >= probesBeforeGone) callees.add(call.callee);
    if (callees.size === 0) return;
    for (const replica of this.#replicas.values()) if (callees.has(replica.callee)) this.#ask(replica);
  }

  /** One that is there takes it for a sign of life; when nobody is, the server says so to where an answer would go. */
  #ask({ control, callee }: Replica): void {
    const own = `${this.#options.me}.${this.#connection.id}.`;
    const replica = control.slice(0, -1).split('.').at(-1) ?? '';
    this.#connection.publish(control + own + aliveToken, encodeFrame({ kind: 'alive' }), `${callee}${own}${goneToken}${replica}`);
  }

  /** Its calls are lost, and those of which nobody has said where they are: they may have been there. */
  #gone(subject: string, name: string): void {
    const control = this.#controlFrom(subject, name);
    const replica = this.#replicas.get(control);
    if (replica === undefined) return;
    let maybeMore = false;
    for (const call of [...this.#pending.values()]) {
      maybeMore ||= call.replica === undefined && call.callee === replica.callee && call.probes < probesBeforeGone;
      const here =
        call.replica === undefined
          ? call.callee === replica.callee && call.probes >= probesBeforeGone
          : call.controlOfReplica() === control;
      if (here) call.fail(new ConnectError(`${call.name} died during the call`, Code.Unavailable), false);
    }
    // Those that were made just now may have gone there as well: it is asked after once more.
    if (!maybeMore) this.#replicas.delete(control);
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
      if ((this.#replicas.get(control)?.silent ?? 0) >= silentPeriods)
        call.fail(new ConnectError(`${call.name} went silent during the call`, Code.Unavailable), true);
      else used.add(control);
    }
    const alive = `${this.#options.me}.${this.#connection.id}.${aliveToken}`;
    for (const [control, known] of this.#replicas) {
      if (!used.has(control)) {
        known.silent = 0;
        continue;
      }
      known.silent++;
      this.#connection.publish(control + alive, encodeFrame({ kind: 'alive' }));
    }
  }
}

/** @throws {ConnectError} RESOURCE_EXHAUSTED */
function headOf(lines: Iterable<readonly [string, string]>): string {
  const head = encodeLines(lines);
  if (head.length > maxHeadBytes)
    throw new ConnectError(`the headers of a call may take ${maxHeadBytes} bytes, these take ${head.length}`, Code.ResourceExhausted);
  return head;
}

function nothing(): AsyncIterator<Uint8Array> {
  return { next: () => Promise.resolve({ done: true, value: undefined }) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

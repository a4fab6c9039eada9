/**
 * The serving side: takes the calls of a service from its queue, runs them, and answers each on the subject that its caller listens on. Who calls
 * is read from the subject, which the server lets nobody else publish to.
 */
import type { DescService } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalClientResponse } from '@connectrpc/connect/protocol';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { Served } from '../bus.ts';
import type { Caller } from '../caller.ts';
import type { ServedService } from '../served-service.ts';
import type { Connection } from './connection.ts';
import { Receiver, Sender } from './flow.ts';
import {
  decodeFrame,
  encodeFrame,
  encodeLines,
  frameHead,
  FrameError,
  headersOf,
  maxHeadBytes,
  type Frame,
  type FrameParts,
} from './frame.ts';
import { callerFrom, everyReplica, type ServiceSubjects } from './layout.ts';
import { silentPeriods, type NatsBusLimits } from './limits.ts';

export interface ServingOptions {
  readonly service: DescService;
  readonly name: string;
  readonly prefix: string;
  readonly subjects: ServiceSubjects;
  readonly limits: NatsBusLimits;
  readonly told: (error: unknown, what: string) => void;
}

/** What is known of a connection that calls. */
interface Peer {
  /** Its caller's and its own tokens. */
  readonly key: string;
  readonly calls: Set<ServedCall>;
  silent: number;
}

export class Serving implements Served {
  readonly #connection: Connection;
  readonly #local: ServedService;
  readonly #options: ServingOptions;
  readonly #calls = new Map<string, ServedCall>();
  readonly #peers = new Map<string, Peer>();
  /** Answers that a lost connection kept from being given. */
  readonly #orphans = new Set<string>();
  #subscriptions: Subscription[] = [];
  #sweep: NodeJS.Timeout | undefined;
  #stopped: Promise<void> | undefined;

  constructor(connection: Connection, local: ServedService, options: ServingOptions) {
    this.#connection = connection;
    this.#local = local;
    this.#options = options;
  }

  /** Resolves when the server knows that we serve. @throws {Error} when it does not let us */
  async start(): Promise<void> {
    const { subjects, limits, name } = this.#options;
    let refusal: Error | undefined;
    const forget = this.#connection.onRefused((subject, error) => {
      if (subject === subjects.calls) refusal = error;
    });
    const control = (replica: string) =>
      this.#connection.subscribe(`${subjects.control(replica)}*.*.*.*`, (message) => this.#control(message));
    this.#subscriptions = [
      this.#connection.subscribe(subjects.calls, (message) => this.#request(message), subjects.queue),
      control(this.#connection.id),
      control(everyReplica),
    ];
    this.#connection.onLost(() => this.#lost());
    this.#connection.onBack(() => this.#back());
    this.#sweep = setInterval(() => this.#period(), limits.aliveMs).unref();
    await this.#connection.flush();
    forget();
    if (refusal !== undefined) {
      await this.stop();
      throw new Error(`NATS does not let us serve ${name}: check the permissions of our user`, { cause: refusal });
    }
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#subscriptions[0]?.unsubscribe();
    await this.#connection.flush();
    await this.#local.stop();
    await Promise.all([...this.#calls.values()].map(({ finished }) => finished));
    clearInterval(this.#sweep);
    for (const subscription of this.#subscriptions.slice(1)) subscription.unsubscribe();
    await this.#connection.flush();
  }

  #request(message: Msg): void {
    const { subject, reply = '' } = message;
    const tokens = subject.split('.');
    const [service, instance] = tokens.slice(-2);
    const caller = callerFrom(service, instance);
    const method = tokens.at(-3) ?? '';
    // An answer goes where the caller may listen, and nowhere else: we may publish where it may not.
    const tail = reply.slice(this.#options.subjects.answers.length);
    const [replyService, replyInstance, connection, call, more] = tail.split('.');
    const honest = reply.startsWith(this.#options.subjects.answers) && replyService === service && replyInstance === instance;
    if (caller === undefined || !honest || !connection || !call || more !== undefined) {
      this.#options.told(new FrameError(`a call whose answer was to go to ${JSON.stringify(reply)}`), subject);
      return;
    }
    const refuse = (error: ConnectError): void => this.#answer(reply, resetParts(error));
    let frame: Frame;
    let header: Headers;
    try {
      frame = decodeFrame(message.data);
      if (frame.kind !== 'request') throw new FrameError(`a frame of kind ${frame.kind} where a request was due`);
      header = headersOf(frame);
    } catch (error) {
      this.#options.told(error, subject);
      return refuse(new ConnectError('the call was malformed', Code.InvalidArgument));
    }
    const peer = this.#peer(`${service}.${instance}.${connection}`);
    const { calls, callsOfOne } = this.#options.limits;
    if (this.#calls.size >= calls || peer.calls.size >= callsOfOne) {
      const which = this.#calls.size >= calls ? `${calls} calls` : `${callsOfOne} calls of one caller`;
      return refuse(new ConnectError(`${this.#options.name} has ${which} under way, and takes no more`, Code.ResourceExhausted));
    }
    if (this.#calls.has(tail)) return refuse(new ConnectError('a call with this number is under way', Code.AlreadyExists));
    const served = new ServedCall({
      limits: this.#options.limits,
      replica: this.#connection.id,
      window: frame.limit,
      maxPayload: this.#connection.maxPayload,
      answer: (parts) => this.#answer(reply, parts),
      finished: () => {
        this.#calls.delete(tail);
        peer.calls.delete(served);
      },
    });
    this.#calls.set(tail, served);
    peer.calls.add(served);
    void served.run(frame, header, this.#local, `/${this.#options.service.typeName}/${method}`, caller).catch((error: unknown) => {
      this.#options.told(error, subject);
    });
  }

  #control(message: Msg): void {
    const key = message.subject.split('.').slice(-4).join('.');
    const peer = key.slice(0, key.lastIndexOf('.'));
    const known = this.#peers.get(peer);
    if (known !== undefined) known.silent = 0;
    const call = this.#calls.get(key);
    if (call === undefined) return;
    try {
      call.take(decodeFrame(message.data));
    } catch (error) {
      this.#options.told(error, message.subject);
      call.fail(new ConnectError('the call was malformed', Code.InvalidArgument), true);
    }
  }

  #answer(reply: string, parts: FrameParts): void {
    if (!this.#connection.connected) this.#orphan(reply);
    this.#connection.publish(reply, encodeFrame(parts));
  }

  #peer(key: string): Peer {
    const known = this.#peers.get(key) ?? { key, calls: new Set(), silent: 0 };
    known.silent = 0;
    this.#peers.set(key, known);
    return known;
  }

  /** The connection is lost: whoever called has given up, or will hear of it when we are back. */
  #lost(): void {
    for (const key of this.#calls.keys()) this.#orphan(`${this.#options.subjects.answers}${key}`);
    for (const call of [...this.#calls.values()]) call.fail(new ConnectError('the connection to NATS was lost', Code.Unavailable), false);
    this.#peers.clear();
  }

  #orphan(reply: string): void {
    if (this.#orphans.size < this.#options.limits.calls) this.#orphans.add(reply);
  }

  #back(): void {
    const error = new ConnectError(`${this.#options.name} lost its connection to NATS during the call`, Code.Unavailable);
    for (const reply of this.#orphans) this.#connection.publish(reply, encodeFrame(resetParts(error)));
    this.#orphans.clear();
  }

  /** Tells callers with longer calls that we are there, and ends the calls of those who are not. */
  #period(): void {
    const error = new ConnectError('the caller went silent', Code.Canceled);
    const head = encodeLines([[':replica', this.#connection.id]]);
    for (const peer of [...this.#peers.values()]) {
      if (peer.calls.size === 0) {
        this.#peers.delete(peer.key);
        continue;
      }
      let long = false;
      for (const call of [...peer.calls]) long = call.period() || long;
      if (!long) continue;
      if (++peer.silent > silentPeriods) for (const call of [...peer.calls]) call.fail(error, false);
      else this.#connection.publish(`${this.#options.subjects.answers}${peer.key}.alive`, encodeFrame({ kind: 'alive', head }));
    }
  }
}

interface ServedCallOptions {
  readonly limits: NatsBusLimits;
  readonly replica: string;
  /** Frames of the response that may be sent before the caller gives credit. */
  readonly window: number;
  readonly maxPayload: number;
  answer(parts: FrameParts): void;
  finished(): void;
}

class ServedCall {
  readonly finished: Promise<void>;
  readonly #options: ServedCallOptions;
  readonly #controller = new AbortController();
  readonly #done: () => void;
  #receiver: Receiver | undefined;
  #sender: Sender | undefined;
  #limit: number;
  /** Whether the caller knows at which replica the call is. */
  #known = false;
  #over = false;
  #periods = 0;

  constructor(options: ServedCallOptions) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#options = options;
    this.#limit = options.window;
    this.finished = promise;
    this.#done = resolve;
  }

  async run(frame: Frame, header: Headers, local: ServedService, path: string, caller: Caller): Promise<void> {
    try {
      const request = {
        url: `https://nats${path}`,
        method: 'POST',
        header,
        body: frame.end ? once(frame.body) : this.#more(frame),
        signal: this.#controller.signal,
      };
      const response = await local.call(path, request, caller);
      await this.#respond(response);
    } catch (error) {
      this.fail(ConnectError.from(error), true);
    } finally {
      this.#finish();
    }
  }

  take(frame: Frame): void {
    switch (frame.kind) {
      case 'data':
        if (this.#receiver === undefined) throw new FrameError('more of a body that had ended');
        this.#receiver.push(frame);
        break;
      case 'credit':
        this.#limit = Math.max(this.#limit, frame.limit);
        this.#sender?.credit(frame.limit);
        break;
      case 'cancel':
        this.fail(new ConnectError('the caller cancelled the call', Code.Canceled), false);
        break;
      default:
        throw new FrameError(`a frame of kind ${frame.kind} from a caller`);
    }
  }

  /** A period has passed. Returns whether the call is one that both sides watch over. */
  period(): boolean {
    const { limits } = this.#options;
    if (++this.#periods * limits.aliveMs > limits.callMs)
      this.fail(new ConnectError(`the call took longer than ${limits.callMs / 1_000} s`, Code.DeadlineExceeded), true);
    if (!this.#known) this.#accept(0);
    return true;
  }

  fail(error: ConnectError, tell: boolean): void {
    if (this.#over) return;
    this.#over = true;
    if (tell) this.#options.answer(resetParts(error));
    this.#receiver?.fail(error);
    this.#sender?.fail(error);
    this.#controller.abort(error);
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    this.#options.finished();
    this.#done();
  }

  #accept(limit: number): void {
    this.#known = true;
    this.#options.answer({ kind: 'accept', limit, head: encodeLines([[':replica', this.#options.replica]]) });
  }

  /** A request whose body is yet to come: asks for it. */
  #more(frame: Frame): Receiver {
    const { window } = this.#options.limits;
    const receiver = new Receiver({ window, grant: (limit) => this.#tell({ kind: 'credit', limit }), left: () => undefined });
    receiver.push(frame);
    this.#receiver = receiver;
    this.#accept(window);
    return receiver;
  }

  #tell(parts: FrameParts): void {
    if (!this.#over) this.#options.answer(parts);
  }

  async #respond(response: UniversalClientResponse): Promise<void> {
    const { limits, replica, maxPayload } = this.#options;
    const body = response.body[Symbol.asyncIterator]();
    const head = encodeLines(response.header);
    if (head.length > maxHeadBytes)
      throw new ConnectError(`the headers of an answer may take ${maxHeadBytes} bytes, these take ${head.length}`, Code.ResourceExhausted);
    const unary = response.header.get('content-type')?.startsWith('application/connect+') !== true;
    const first = unary ? await whole(body) : undefined;
    const status = response.status;
    if (first !== undefined && first.length <= maxPayload - frameHead.size - head.length)
      return this.#tell({ kind: 'response', status, head, end: true, body: first });
    this.#known = true;
    this.#tell({ kind: 'response', status, head: head + encodeLines([[':replica', replica]]) });
    const { pieceBytes, idleCreditMs } = limits;
    const sender = new Sender(
      {
        pieceBytes,
        idleCreditMs,
        send: (sequence, piece, end) => this.#tell({ kind: 'data', sequence, end, ...(piece && { body: piece }) }),
      },
      1,
      this.#limit,
    );
    this.#sender = sender;
    if (first !== undefined) await sender.write(first);
    await sender.pump(body);
  }
}

function resetParts(error: ConnectError): FrameParts {
  return { kind: 'reset', status: error.code, body: Buffer.from(error.rawMessage.slice(0, 4_096)) };
}

async function whole(body: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let step = await body.next(); step.done !== true; step = await body.next()) pieces.push(step.value);
  const [only] = pieces;
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

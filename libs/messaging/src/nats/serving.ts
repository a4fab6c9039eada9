/**
 * The serving side: takes the calls of a service from its queue, runs them, and answers each on the subject that its caller listens on. Who calls
 * is read from the subject, which the server lets nobody else publish to.
 */
import type { DescMethod, DescService } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { Served } from '../bus.ts';
import type { ServedService } from '../served-service.ts';
import type { Connection } from './connection.ts';
import { decodeFrame, encodeFrame, encodeLines, FrameError, type Frame, type FrameParts } from './frame.ts';
import { callerFrom, everyReplica, type ServiceSubjects } from './layout.ts';
import { silentPeriods, type NatsBusLimits } from './limits.ts';
import { resetParts, ServedCall } from './served-call.ts';

export interface ServingOptions {
  readonly service: DescService;
  readonly name: string;
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
  readonly #methods: ReadonlyMap<string, DescMethod>;
  readonly #calls = new Map<string, ServedCall>();
  readonly #peers = new Map<string, Peer>();
  /** Answers that a lost connection kept from being given. */
  readonly #orphans = new Set<string>();
  #subscriptions: Subscription[] = [];
  #sweeps: readonly NodeJS.Timeout[] = [];
  #forget: (() => void)[] = [];
  #stopped: Promise<void> | undefined;

  constructor(connection: Connection, local: ServedService, options: ServingOptions) {
    this.#connection = connection;
    this.#local = local;
    this.#options = options;
    this.#methods = new Map(options.service.methods.map((method) => [method.name, method]));
  }

  /** Resolves when the server knows that we serve. @throws {Error} when it does not let us */
  async start(): Promise<void> {
    const { subjects, limits, name } = this.#options;
    let refusal: Error | undefined;
    const listen = this.#connection.onRefused((subject, error) => {
      if (subject === subjects.calls) refusal = error;
    });
    this.#subscriptions = [
      this.#connection.subscribe(subjects.calls, (message) => this.#request(message), subjects.queue),
      this.#listen(everyReplica),
      this.#listen(this.#connection.id),
    ];
    this.#forget = [this.#connection.onLost(() => this.#lost()), this.#connection.onBack(() => this.#back())];
    this.#sweeps = [setInterval(() => this.#period(), limits.aliveMs).unref(), setInterval(() => this.#tell(), limits.probeMs / 2).unref()];
    await this.#connection.flush();
    listen();
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
    // What the server had given us before is here when it has answered; a subscription that is simply ended would drop it, and its callers wait.
    this.#subscriptions[0]?.drain().catch(() => undefined);
    await this.#connection.flush();
    await this.#local.stop();
    await Promise.all([...this.#calls.values()].map((call) => call.finished()));
    for (const sweep of this.#sweeps) clearInterval(sweep);
    for (const forget of this.#forget) forget();
    for (const subscription of this.#subscriptions.slice(1)) subscription.unsubscribe();
    await this.#connection.flush();
  }

  #listen(replica: string): Subscription {
    const subject = `${this.#options.subjects.control(replica)}*.*.*.*`;
    return this.#connection.subscribe(subject, (message) => this.#control(message));
  }

  #request(message: Msg): void {
    const { subject, reply = '' } = message;
    const [service = '', instance = ''] = subject.split('.').slice(-2);
    const name = subject.split('.').at(-3) ?? '';
    const caller = callerFrom(service, instance);
    // An answer goes where the caller may listen, and nowhere else: we may publish where it may not.
    const { answers } = this.#options.subjects;
    const key = reply.slice(answers.length);
    if (caller === undefined || !reply.startsWith(answers) || !isOf(key, service, instance)) {
      this.#options.told(new FrameError(`a call whose answer was to go to ${JSON.stringify(reply)}`), subject);
      return;
    }
    const refuse = (error: ConnectError): void => this.#answer(reply, resetParts(error));
    const method = this.#methods.get(name);
    if (method === undefined) return refuse(new ConnectError(`${this.#options.name} has no method ${name}`, Code.Unimplemented));
    let frame: Frame;
    try {
      frame = decodeFrame(message.data);
      if (frame.kind !== 'request') throw new FrameError(`a frame of kind ${frame.kind} where a request was due`);
    } catch (error) {
      this.#options.told(error, subject);
      return refuse(new ConnectError('the call was malformed', Code.InvalidArgument));
    }
    const known = this.#peers.size;
    const peer = this.#peer(key.slice(0, key.lastIndexOf('.')));
    const isNew = this.#peers.size > known;
    const refusal = this.#refusal(key, peer);
    if (refusal !== undefined) return refuse(refusal);
    const call = new ServedCall({
      limits: this.#options.limits,
      replica: this.#connection.id,
      window: frame.limit,
      maxPayload: this.#connection.maxPayload,
      local: this.#local,
      answer: (parts) => this.#answer(reply, parts),
      finished: () => {
        this.#calls.delete(key);
        peer.calls.delete(call);
      },
      told: (error) => this.#options.told(error, subject),
    });
    this.#calls.set(key, call);
    peer.calls.add(call);
    // Whoever has not called for a while learns who takes its calls, so that it can ask after us.
    if (isNew) call.tell();
    call.run(method, frame, caller);
  }

  /** Why a further call is not taken. */
  #refusal(key: string, peer: Peer): ConnectError | undefined {
    const { calls, callsOfOne } = this.#options.limits;
    const { name } = this.#options;
    if (this.#calls.size >= calls)
      return new ConnectError(`${name} has ${calls} calls under way, and takes no more`, Code.ResourceExhausted);
    if (peer.calls.size >= callsOfOne)
      return new ConnectError(`${name} has ${callsOfOne} calls of one caller under way, and takes no more`, Code.ResourceExhausted);
    return this.#calls.has(key) ? new ConnectError('a call with this number is under way', Code.AlreadyExists) : undefined;
  }

  #control(message: Msg): void {
    const key = message.subject.split('.').slice(-4).join('.');
    const known = this.#peers.get(key.slice(0, key.lastIndexOf('.')));
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
    const known = this.#peers.get(key);
    if (known !== undefined) {
      known.silent = 0;
      return known;
    }
    const peer = { key, calls: new Set<ServedCall>(), silent: 0 };
    this.#peers.set(key, peer);
    return peer;
  }

  /** The connection is lost: whoever called has given up, or will hear of it when we are back. */
  #lost(): void {
    for (const key of this.#calls.keys()) this.#orphan(this.#options.subjects.answers + key);
    for (const call of [...this.#calls.values()]) call.fail(new ConnectError('the connection to NATS was lost', Code.Unavailable), false);
    this.#peers.clear();
    this.#subscriptions.pop()?.unsubscribe();
    this.#subscriptions.push(this.#listen(this.#connection.id));
  }

  #orphan(reply: string): void {
    if (this.#orphans.size < this.#options.limits.calls) this.#orphans.add(reply);
  }

  #back(): void {
    const error = new ConnectError(`${this.#options.name} lost its connection to NATS during the call`, Code.Unavailable);
    for (const reply of this.#orphans) this.#connection.publish(reply, encodeFrame(resetParts(error)));
    this.#orphans.clear();
  }

  /** Callers whose calls are not answered at once learn where they are. */
  #tell(): void {
    for (const call of this.#calls.values()) call.turn();
  }

  /** Tells callers whose calls take longer that we are there, and ends the calls of those who are not. */
  #period(): void {
    const error = new ConnectError('the caller went silent', Code.Canceled);
    const head = encodeLines([[':replica', this.#connection.id]]);
    for (const peer of [...this.#peers.values()]) {
      if (peer.calls.size === 0) this.#peers.delete(peer.key);
      else if (++peer.silent > silentPeriods) for (const call of [...peer.calls]) call.fail(error, true);
      else {
        for (const call of [...peer.calls]) call.period();
        this.#connection.publish(`${this.#options.subjects.answers}${peer.key}.alive`, encodeFrame({ kind: 'alive', head }));
      }
    }
  }
}

/** Whether the end of a reply's subject is that of a caller: its two tokens, its connection, its call. */
function isOf(key: string, service: string, instance: string): boolean {
  const caller = `${service}.${instance}.`;
  if (!key.startsWith(caller)) return false;
  return /^[^.*>\s]+\.[^.*>\s]+$/.test(key.slice(caller.length));
}

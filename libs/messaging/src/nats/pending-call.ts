/** One call of ours that is under way: what has been heard of it, and what is still to be sent. */
import { Code, ConnectError } from '@connectrpc/connect';
import { Receiver, Sender } from './flow.ts';
import { codeOf, frameHead, ownLine, type Frame, type FrameParts } from './frame.ts';
import { everyReplica } from './layout.ts';
import type { NatsBusLimits } from './limits.ts';

export interface PendingOptions {
  readonly subject: string;
  readonly reply: string;
  /** The tokens of the caller, of its connection, and of this call. */
  readonly own: string;
  readonly control: (replica: string) => string;
  /** Where everything comes from that the service says: names it, or its instance. */
  readonly callee: string;
  readonly name: string;
  readonly limits: NatsBusLimits;
  publish(subject: string, parts: FrameParts, reply?: string): void;
  finished(): void;
}

/** The first frame of an answer, and the frames of its body where there are several. */
export interface Opened {
  readonly frame: Frame;
  readonly rest: Receiver | undefined;
}

export class PendingCall {
  readonly opened: Promise<Opened>;
  /** Periods since the call was made, in which nothing was heard. */
  silent = 0;
  /** How often it was found under way when replicas were asked after. */
  probes = 0;
  replica: string | undefined;
  readonly #options: PendingOptions;
  readonly #settle: PromiseWithResolvers<Opened>;
  #receiver: Receiver | undefined;
  #sender: Sender | undefined;
  #unsent: { readonly first: Uint8Array | undefined; readonly body: AsyncIterator<Uint8Array> | undefined } | undefined;
  #ended = false;
  #over: PromiseWithResolvers<void> | undefined;

  constructor(options: PendingOptions) {
    this.#options = options;
    this.#settle = Promise.withResolvers();
    this.opened = this.#settle.promise;
  }

  get subject(): string {
    return this.#options.subject;
  }

  get reply(): string {
    return this.#options.reply;
  }

  get name(): string {
    return this.#options.name;
  }

  get callee(): string {
    return this.#options.callee;
  }

  /** Resolves when nothing more is to be heard. */
  get over(): Promise<void> {
    this.#over ??= Promise.withResolvers();
    if (this.#ended) this.#over.resolve();
    return this.#over.promise;
  }

  /** Where the replica that has the call is told things, before the tokens of a call. */
  controlOfReplica(): string {
    return this.#options.control(this.replica ?? everyReplica);
  }

  /** Sends the request: all of it where it fits one message, else what the service asks for once it has taken the call. */
  open(head: string, first: Uint8Array | undefined, body: AsyncIterator<Uint8Array> | undefined, maxPayload: number): void {
    const { limits, subject, reply } = this.#options;
    const fits = first !== undefined && first.length <= maxPayload - frameHead.size - head.length;
    if (!fits) this.#unsent = { first, body };
    this.#options.publish(subject, { kind: 'request', end: fits, limit: limits.window, head, ...(fits && { body: first }) }, reply);
  }

  /** @throws {FrameError} when the frame is not one that may come now */
  take(frame: Frame): void {
    if (this.#ended) return;
    this.silent = 0;
    switch (frame.kind) {
      case 'response':
        return this.#response(frame);
      case 'data':
        this.#receiver?.push(frame);
        if (this.#receiver?.ended === true) this.#finish();
        return;
      case 'accept':
        this.replica ??= ownLine(frame, ':replica');
        return this.#credit(frame.limit);
      case 'credit':
        return this.#credit(frame.limit);
      case 'reset':
        return this.fail(new ConnectError(Buffer.from(frame.body).toString('utf8'), codeOf(frame)), false);
      default:
        return;
    }
  }

  nobody(): void {
    this.fail(new ConnectError(`${this.name} is not served at the moment`, Code.Unavailable), false);
  }

  /** Gives the call up; the service is told unless it knows. */
  fail(error: ConnectError, tell: boolean): void {
    if (this.#ended) return;
    if (tell) this.#tell({ kind: 'cancel' });
    this.#settle.reject(error);
    this.opened.catch(() => undefined);
    this.#receiver?.fail(error);
    this.#finish();
  }

  #response(frame: Frame): void {
    if (this.#receiver !== undefined) return;
    if (frame.end) {
      this.#settle.resolve({ frame, rest: undefined });
      return this.#finish();
    }
    this.replica ??= ownLine(frame, ':replica');
    const { window } = this.#options.limits;
    const grant = (limit: number): void => this.#tell({ kind: 'credit', limit });
    const left = (): void => this.fail(new ConnectError('the reader left the stream', Code.Canceled), true);
    this.#receiver = new Receiver({ window, grant, left });
    this.#receiver.push(frame);
    this.#settle.resolve({ frame, rest: this.#receiver });
  }

  #finish(): void {
    this.#ended = true;
    this.#sender?.fail(new ConnectError('the call is over', Code.Canceled));
    this.#options.finished();
    this.#over?.resolve();
  }

  #tell(parts: FrameParts): void {
    this.#options.publish(this.controlOfReplica() + this.#options.own, parts);
  }

  #credit(limit: number): void {
    if (this.#sender !== undefined) return this.#sender.credit(limit);
    const unsent = this.#unsent;
    if (unsent === undefined || this.replica === undefined) return;
    const { pieceBytes, idleCreditMs } = this.#options.limits;
    const send = (sequence: number, body: Uint8Array | undefined, end: boolean): void => this.#tell({ kind: 'data', sequence, end, body });
    this.#sender = new Sender({ pieceBytes, idleCreditMs, send }, 1, limit);
    this.#sender.sendAll(unsent.first, unsent.body).catch((error: unknown) => this.fail(ConnectError.from(error), true));
  }
}

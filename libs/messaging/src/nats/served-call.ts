/** One call that is under way here, for somebody on the other side of the bus. */
import type { DescMethod, DescMethodUnary } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalClientResponse } from '@connectrpc/connect/protocol';
import type { Caller } from '../caller.ts';
import type { ServedService } from '../served-service.ts';
import { gather, Receiver, Sender } from './flow.ts';
import { encodeLines, frameHead, FrameError, headerLines, headersOf, maxHeadBytes, type Frame, type FrameParts } from './frame.ts';
import type { NatsBusLimits } from './limits.ts';

export interface ServedCallOptions {
  readonly limits: NatsBusLimits;
  readonly replica: string;
  /** Frames of the response that may be sent before the caller gives credit. */
  readonly window: number;
  readonly maxPayload: number;
  readonly local: ServedService;
  answer(parts: FrameParts): void;
  finished(): void;
  /** Told of what nobody else would hear of. */
  told(error: unknown): void;
}

export class ServedCall {
  readonly #options: ServedCallOptions;
  #abort: ((reason: ConnectError) => void) | undefined;
  #receiver: Receiver | undefined;
  #sender: Sender | undefined;
  #limit: number;
  /** Whether the caller knows at which replica the call is. */
  #known = false;
  #over = false;
  #periods = 0;
  #turns = 0;
  #finished: PromiseWithResolvers<void> | undefined;

  constructor(options: ServedCallOptions) {
    this.#options = options;
    this.#limit = options.window;
  }

  /** Resolves when the last of the answer has been sent. */
  finished(): Promise<void> {
    this.#finished ??= Promise.withResolvers();
    if (this.#over) this.#finished.resolve();
    return this.#finished.promise;
  }

  run(method: DescMethod, frame: Frame, caller: Caller): void {
    const running = isUnary(method) ? this.#unary(method, frame, caller) : this.#stream(method, frame, caller);
    running.catch((error: unknown) => this.fail(ConnectError.from(error), true)).catch((error: unknown) => this.#options.told(error));
  }

  /** @throws {FrameError} when the frame is not one that may come now */
  take(frame: Frame): void {
    switch (frame.kind) {
      case 'data':
        if (this.#receiver === undefined) throw new FrameError('more of a body that had ended');
        return this.#receiver.push(frame);
      case 'credit':
        this.#limit = Math.max(this.#limit, frame.limit);
        return this.#sender?.credit(frame.limit);
      case 'cancel':
        return this.fail(new ConnectError('the caller cancelled the call', Code.Canceled), false);
      default:
        throw new FrameError(`a frame of kind ${frame.kind} from a caller`);
    }
  }

  /** The caller learns that the call is here. */
  tell(): void {
    if (!this.#known) this.#accept(0);
  }

  /** Called at equal intervals: tells at the second, since most calls are over by then. */
  turn(): void {
    if (++this.#turns > 1) this.tell();
  }

  /** A period has passed: the call ends here when it has taken too long. */
  period(): void {
    const { aliveMs, callMs } = this.#options.limits;
    if (++this.#periods * aliveMs > callMs)
      this.fail(new ConnectError(`no call may take longer than ${callMs / 1_000} s`, Code.DeadlineExceeded), true);
    else this.tell();
  }

  fail(error: ConnectError, tell: boolean): void {
    if (this.#over) return;
    if (tell) this.#options.answer(resetParts(error));
    this.#finish();
    this.#receiver?.fail(error);
    this.#sender?.fail(error);
    this.#abort?.(error);
  }

  async #unary(method: DescMethodUnary, frame: Frame, caller: Caller): Promise<void> {
    const { local, limits } = this.#options;
    const body = frame.end ? frame.body : await gather(this.#more(frame)[Symbol.asyncIterator](), limits.messageBytes);
    if (this.#over) return;
    const sent = local.unary(method, { lines: headerLines(frame), body }, caller);
    this.#abort = sent.cancel;
    const answer = await sent.answer;
    await this.#respond(answer.status, headOf(answer.lines), answer.body, undefined);
  }

  async #stream(method: DescMethod, frame: Frame, caller: Caller): Promise<void> {
    const controller = new AbortController();
    this.#abort = (reason) => controller.abort(reason);
    const path = `/${method.parent.typeName}/${method.name}`;
    const request = {
      url: `https://nats${path}`,
      method: 'POST',
      header: headersOf(frame),
      body: frame.end ? once(frame.body) : this.#more(frame),
      signal: controller.signal,
    };
    const response: UniversalClientResponse = await this.#options.local.stream(path, request, caller);
    await this.#respond(response.status, headOf(response.header), undefined, response.body[Symbol.asyncIterator]());
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

  #accept(limit: number): void {
    this.#known = true;
    this.#tell({ kind: 'accept', limit, head: encodeLines([[':replica', this.#options.replica]]) });
  }

  #tell(parts: FrameParts): void {
    if (!this.#over) this.#options.answer(parts);
  }

  /** Answers in one frame where all of it is there and fits, else piece by piece as the caller gives credit. */
  async #respond(status: number, head: string, whole: Uint8Array | undefined, body: AsyncIterator<Uint8Array> | undefined): Promise<void> {
    const { limits, replica, maxPayload } = this.#options;
    if (whole !== undefined && whole.length <= maxPayload - frameHead.size - head.length) {
      this.#tell({ kind: 'response', status, head, end: true, body: whole });
      return this.#finish();
    }
    this.#known = true;
    this.#tell({ kind: 'response', status, head: head + encodeLines([[':replica', replica]]) });
    const { pieceBytes, idleCreditMs } = limits;
    const send = (sequence: number, piece: Uint8Array | undefined, end: boolean): void =>
      this.#tell({ kind: 'data', sequence, end, body: piece });
    this.#sender = new Sender({ pieceBytes, idleCreditMs, send }, 1, this.#limit);
    await this.#sender.sendAll(whole, body);
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.finished();
    this.#finished?.resolve();
  }
}

export function resetParts(error: ConnectError): FrameParts {
  return { kind: 'reset', status: error.code, body: Buffer.from(error.rawMessage.slice(0, 4_096)) };
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}

/** @throws {ConnectError} RESOURCE_EXHAUSTED */
function headOf(lines: Iterable<readonly [string, string]>): string {
  const head = encodeLines(lines);
  if (head.length > maxHeadBytes)
    throw new ConnectError(`the headers of an answer may take ${maxHeadBytes} bytes, these take ${head.length}`, Code.ResourceExhausted);
  return head;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

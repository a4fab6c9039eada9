/**
 * Calls of one message each way, which nearly all are: the bytes of a request, and those of its answer, however they cross. The same as Connect's
 * own client and handler do, for the cost of a few microseconds: headers, signals and deadlines are made only where somebody looks at them.
 */
import { create, fromBinary, toBinary, type DescMessage, type DescMethodUnary, type MessageShape } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  createContextValues,
  type ContextValues,
  type HandlerContext,
  type Transport,
  type UnaryResponse,
} from '@connectrpc/connect';
import { codeFromHttpStatus, codeToHttpStatus, errorFromJsonBytes, errorToJsonBytes } from '@connectrpc/connect/protocol-connect';
import { contextLines, injectCallContext } from './call-context.ts';
import { callSpanned, type ServerInterceptorOptions } from './interceptors.ts';

/** Headers as they cross: names in small letters. */
export type Lines = readonly (readonly [name: string, value: string])[];

export interface UnaryRequest {
  readonly lines: Lines;
  readonly body: Uint8Array;
}

export interface UnaryAnswer {
  /** As of HTTP: 200, or what Connect makes of an error's code. */
  readonly status: number;
  readonly lines: Lines;
  /** The message; an error is in JSON, as Connect has it. */
  readonly body: Uint8Array;
}

/** A call that has been sent. */
export interface SentUnary {
  readonly answer: Promise<UnaryAnswer>;
  /** Gives the call up: the answer rejects with the reason, or is an error with its code. */
  cancel(reason: ConnectError): void;
}

export type SendUnary = (method: DescMethodUnary, request: UnaryRequest) => SentUnary;

export interface UnaryOptions extends ServerInterceptorOptions {
  /** Bytes that a message may have. */
  readonly messageBytes: number;
}

const timeoutLine = 'connect-timeout-ms';
const trailerPrefix = 'trailer-';
const ok = 200;

/** Connect's unary transport over a function that carries bytes. */
export function unaryOver(send: SendUnary, options: UnaryOptions): Transport['unary'] {
  return (method, signal, timeoutMs, header, input) => {
    const run = async () => {
      signal?.throwIfAborted();
      const lines = header === undefined ? contextLines() : withContext(header);
      if (timeoutMs !== undefined && timeoutMs > 0) lines.push([timeoutLine, String(timeoutMs)]);
      const body = toBinary(method.input, create(method.input, input));
      checkSize('a request', body, options.messageBytes);
      const sent = send(method, { lines, body });
      const answer = await (signal === undefined && timeoutMs === undefined ? sent.answer : bounded(sent, signal, timeoutMs));
      return answerOf(method, answer);
    };
    return callSpanned(options, method, run);
  };
}

function withContext(header: ConstructorParameters<typeof Headers>[0]): [string, string][] {
  const headers = new Headers(header);
  injectCallContext(headers);
  return [...headers];
}

async function bounded(sent: SentUnary, signal: AbortSignal | undefined, timeoutMs: number | undefined): Promise<UnaryAnswer> {
  const abort = (): void => sent.cancel(ConnectError.from(signal?.reason, Code.Canceled));
  const late = (): void => sent.cancel(new ConnectError('the operation timed out', Code.DeadlineExceeded));
  const timer = timeoutMs !== undefined && timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined;
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await sent.answer;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}

function answerOf<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  { status, lines, body }: UnaryAnswer,
): UnaryResponse<I, O> {
  if (status !== ok) {
    const metadata = headersOf(lines, false);
    headersOf(lines, true).forEach((value, name) => metadata.append(name, value));
    throw errorFromJsonBytes(body, metadata, new ConnectError(`the answer has status ${status}`, codeFromHttpStatus(status)));
  }
  return new Answer(method, fromBinary(method.output, body), lines);
}

class Answer<I extends DescMessage, O extends DescMessage> implements UnaryResponse<I, O> {
  readonly stream = false;
  readonly method: DescMethodUnary<I, O>;
  readonly message: MessageShape<O>;
  readonly #lines: Lines;

  constructor(method: DescMethodUnary<I, O>, message: MessageShape<O>, lines: Lines) {
    this.method = method;
    this.message = message;
    this.#lines = lines;
  }

  get service() {
    return this.method.parent;
  }

  get header(): Headers {
    return headersOf(this.#lines, false);
  }

  get trailer(): Headers {
    return headersOf(this.#lines, true);
  }
}

/** The headers among lines, or the trailers, which have a prefix. */
function headersOf(lines: Lines, trailers: boolean): Headers {
  const headers = new Headers();
  for (const [name, value] of lines)
    if (name.startsWith(trailerPrefix) === trailers) headers.append(trailers ? name.slice(trailerPrefix.length) : name, value);
  return headers;
}

export type UnaryImplementation = (input: unknown, context: HandlerContext) => unknown;

/** Runs a handler on the bytes of a request. Does not reject: what the handler throws is an answer, too. */
export async function handleUnary(
  method: DescMethodUnary,
  implementation: UnaryImplementation,
  body: Uint8Array,
  context: ServedContext,
  messageBytes: number,
): Promise<Uint8Array> {
  checkSize('a request', body, messageBytes);
  let input: MessageShape<DescMessage>;
  try {
    input = fromBinary(method.input, body);
  } catch (cause) {
    throw new ConnectError(`the request is no ${method.input.typeName}`, Code.InvalidArgument, undefined, undefined, cause);
  }
  const output = await implementation(input, context);
  const bytes = toBinary(method.output, create(method.output, output as MessageShape<DescMessage>));
  checkSize('an answer', bytes, messageBytes);
  return bytes;
}

/** The bound on one message, told to whoever exceeds it. */
export function checkSize(what: string, { length }: Uint8Array, messageBytes: number): void {
  if (length > messageBytes)
    throw new ConnectError(`${what} may have ${messageBytes} bytes on the bus, this one has ${length}`, Code.ResourceExhausted);
}

/** What the caller is told of an error; what is no ConnectError stays within. */
export function answerToError(error: unknown): UnaryAnswer {
  const told = error instanceof ConnectError ? error : new ConnectError('internal error', Code.Internal, undefined, undefined, error);
  return { status: codeToHttpStatus(told.code), lines: [...told.metadata], body: errorToJsonBytes(told, undefined) };
}

export function answerWith(body: Uint8Array, context: ServedContext): UnaryAnswer {
  return { status: ok, lines: context.answerLines(), body };
}

/** Connect's context of a handler, made as it is looked at. */
export class ServedContext implements HandlerContext {
  readonly method: DescMethodUnary;
  readonly requestMethod = 'POST';
  readonly protocolName = 'connect';
  readonly #lines: Lines;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #values: ContextValues | undefined;
  #controller: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #deadline: number | undefined;
  #over: { readonly reason: unknown } | undefined;
  readonly #late: (reason: ConnectError) => void;

  /** @param late called when the deadline has passed, if anybody waits for it */
  constructor(method: DescMethodUnary, lines: Lines, late: (reason: ConnectError) => void) {
    this.method = method;
    this.#lines = lines;
    this.#late = late;
    const timeout = lineOf(lines, timeoutLine);
    if (timeout !== undefined && /^\d{1,10}$/.test(timeout)) this.#deadline = Date.now() + Number(timeout);
  }

  get service() {
    return this.method.parent;
  }

  get url(): string {
    return `https://bus/${this.service.typeName}/${this.method.name}`;
  }

  get requestHeader(): Headers {
    return (this.#requestHeader ??= headersOf(this.#lines, false));
  }

  get responseHeader(): Headers {
    return (this.#responseHeader ??= new Headers());
  }

  get responseTrailer(): Headers {
    return (this.#responseTrailer ??= new Headers());
  }

  get values(): ContextValues {
    return (this.#values ??= createContextValues());
  }

  /** Aborts at the deadline, when the caller cancels, and when the call is over. */
  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    this.#controller = new AbortController();
    const left = this.timeoutMs();
    if (this.#over !== undefined) this.#controller.abort(this.#over.reason);
    else if (left !== undefined) {
      const late = (): void => this.#late(new ConnectError('the operation timed out', Code.DeadlineExceeded));
      this.#timer = setTimeout(late, Math.max(left, 0)).unref();
    }
    return this.#controller.signal;
  }

  readonly timeoutMs = (): number | undefined => (this.#deadline === undefined ? undefined : this.#deadline - Date.now());

  /** Whether the caller has gone, or the call is over. */
  get aborted(): boolean {
    return this.#over !== undefined;
  }

  abort(reason?: unknown): void {
    if (this.#over !== undefined) return;
    this.#over = { reason };
    clearTimeout(this.#timer);
    this.#controller?.abort(reason);
  }

  answerLines(): Lines {
    if (this.#responseHeader === undefined && this.#responseTrailer === undefined) return none;
    const trailers = [...(this.#responseTrailer ?? [])].map(([name, value]) => [`${trailerPrefix}${name}`, value] as const);
    return [...(this.#responseHeader ?? []), ...trailers];
  }
}

const none: Lines = [];

function lineOf(lines: Lines, wanted: string): string | undefined {
  for (const [name, value] of lines) if (name === wanted) return value;
  return undefined;
}

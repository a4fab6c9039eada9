/**
 * Server reflection, in both names that clients ask for: which services there are, and the files that declare them, from the descriptors that
 * the generated code carries.
 */
import { create, fromBinary, toBinary, type DescFile, type DescService, type MessageInitShape } from '@bufbuild/protobuf';
import { nestedTypes } from '@bufbuild/protobuf/reflect';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { reflectionv1, reflectionv1alpha } from '@verbena/contracts';
import type { Clock } from '@verbena/service-kit';

type Request = reflectionv1.ServerReflectionRequest;
type Response = NonNullable<MessageInitShape<typeof reflectionv1.ServerReflectionResponseSchema>>;
type Answer = NonNullable<Response['messageResponse']>;

/** A client that asks nothing for this long has gone without saying so. */
const idleMs = 60_000;

/** A file and everything that it imports, each once, those that are imported after those that import. */
function withImports(file: DescFile, found = new Map<string, DescFile>()): Map<string, DescFile> {
  if (found.has(file.proto.name)) return found;
  found.set(file.proto.name, file);
  for (const dependency of file.dependencies) withImports(dependency, found);
  return found;
}

/** Full names that a file declares. */
function symbolsOf(file: DescFile): readonly string[] {
  return [...nestedTypes(file)].flatMap((type) => {
    if (type.kind === 'message') return [type.typeName, ...type.members.map(({ name }) => `${type.typeName}.${name}`)];
    if (type.kind === 'service') return [type.typeName, ...type.methods.map(({ name }) => `${type.typeName}.${name}`)];
    if (type.kind === 'enum') return [type.typeName, ...type.values.map(({ name }) => `${type.typeName}.${name}`)];
    return [type.typeName];
  });
}

export class Reflection {
  readonly #services: readonly DescService[];
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  /** By the message that is extended, then by number. */
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  constructor(services: readonly DescService[]) {
    this.#services = services;
    for (const { file } of services) withImports(file, this.#files);
    for (const file of this.#files.values()) {
      for (const symbol of symbolsOf(file)) this.#symbols.set(symbol, file);
      for (const type of nestedTypes(file)) {
        if (type.kind !== 'extension') continue;
        const numbers = this.#extensions.get(type.extendee.typeName) ?? new Map<number, DescFile>();
        this.#extensions.set(type.extendee.typeName, numbers.set(type.number, file));
      }
    }
  }

  answer({ messageRequest: asked }: Request): Answer {
    switch (asked.case) {
      case 'listServices':
        return { case: 'listServicesResponse', value: { service: this.#services.map(({ typeName }) => ({ name: typeName })) } };
      case 'fileByFilename':
        return this.#filesFrom(this.#files.get(asked.value), `file ${asked.value}`);
      case 'fileContainingSymbol':
        return this.#filesFrom(this.#symbols.get(asked.value), `symbol ${asked.value}`);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = asked.value;
        return this.#filesFrom(
          this.#extensions.get(containingType)?.get(extensionNumber),
          `extension ${extensionNumber} of ${containingType}`,
        );
      }
      case 'allExtensionNumbersOfType': {
        if (!this.#symbols.has(asked.value)) return refused(Code.NotFound, `there is no type ${asked.value.slice(0, 200)}`);
        const extensionNumber = [...(this.#extensions.get(asked.value)?.keys() ?? [])];
        return { case: 'allExtensionNumbersResponse', value: { baseTypeName: asked.value, extensionNumber } };
      }
      default:
        return refused(Code.InvalidArgument, 'the request asks for nothing that is known here');
    }
  }

  #filesFrom(file: DescFile | undefined, what: string): Answer {
    if (file === undefined) return refused(Code.NotFound, `there is no ${what.slice(0, 200)}`);
    const fileDescriptorProto = [...withImports(file).values()].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
    return { case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
  }
}

function refused(errorCode: Code, errorMessage: string): Answer {
  return { case: 'errorResponse', value: { errorCode, errorMessage } };
}

/** The requests of a stream, which ends when nothing comes for too long. */
async function* whileAsked<T>(requests: AsyncIterable<T>, clock: Clock): AsyncIterable<T> {
  const iterator = requests[Symbol.asyncIterator]();
  for (;;) {
    const rest = new AbortController();
    const silence = clock.sleep(idleMs, rest.signal).then(() => {
      throw new ConnectError('nothing was asked for a minute', Code.DeadlineExceeded);
    });
    silence.catch(() => undefined);
    const { done, value } = await Promise.race([iterator.next(), silence]).finally(() => rest.abort());
    if (done) return;
    yield value;
  }
}

function answerTo(request: Request, reflection: Reflection): reflectionv1.ServerReflectionResponse {
  const messageResponse = reflection.answer(request);
  return create(reflectionv1.ServerReflectionResponseSchema, { validHost: request.host, originalRequest: request, messageResponse });
}

export function reflectionService(reflection: Reflection, clock: Clock): ServiceImpl<typeof reflectionv1.ServerReflection> {
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of whileAsked(requests, clock)) yield answerTo(request, reflection);
    },
  };
}

/** The same under the older name: field by field the same messages, so their bytes are the same. */
export function reflectionAlphaService(reflection: Reflection, clock: Clock): ServiceImpl<typeof reflectionv1alpha.ServerReflection> {
  const { ServerReflectionRequestSchema: alphaRequest, ServerReflectionResponseSchema: alphaResponse } = reflectionv1alpha;
  const { ServerReflectionRequestSchema, ServerReflectionResponseSchema } = reflectionv1;
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of whileAsked(requests, clock)) {
        const same = fromBinary(ServerReflectionRequestSchema, toBinary(alphaRequest, request));
        yield fromBinary(alphaResponse, toBinary(ServerReflectionResponseSchema, answerTo(same, reflection)));
      }
    },
  };
}

/** From a command line to a guest image or an object: the whole way, with diagnostics on the side. */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { buildImage, imageFileSection, writeImageFile } from '@verbena/guest-image';
import type { GuestImage } from '@verbena/guest-image';
import { parseArguments } from './arguments.ts';
import type { CommandLine, Input } from './arguments.ts';
import { Cache } from './cache.ts';
import { defaultCacheDirectory } from './cache-directory.ts';
import { UsageError } from './errors.ts';
import { isTranslated, translate } from './frontend.ts';
import type { Translated, Translation } from './frontend.ts';
import { IncludeScanner, isFile } from './include-scanner.ts';
import { isCxx } from './languages.ts';
import type { DriverLanguage } from './languages.ts';
import { findLibraries } from './libraries.ts';
import { link } from './link.ts';
import type { LinkInput } from './link.ts';
import { moduleInfo } from './module-info.ts';
import { expandResponseFiles } from './response-files.ts';
import { guestRuntime, HEADER_DIRECTORIES } from './runtime.ts';
import type { GuestRuntime } from './runtime.ts';
import { BLOCKING_IMPORTS, DEFAULT_MEMORY_BYTES, MEMORY_ROOM_BYTES, optimizerFlags } from './target.ts';
import { ToolPool } from './tool-pool.ts';
import { CLANG_VERSION } from './version.ts';

export interface CompileRequest {
  readonly language: DriverLanguage;
  /** Arguments in the style of mpicc, without the command's own name. */
  readonly args: readonly string[];
  /** Absolute directory that relative paths start from. */
  readonly cwd: string;
  /** Called with diagnostics as clang wrote them, in the order of the sources. */
  readonly onDiagnostics: (text: string) => void;
  /** Colour the diagnostics, as on a terminal. */
  readonly colors?: boolean;
  /** Standard input, for the source "-". */
  readonly stdin?: () => Uint8Array;
  readonly cacheDirectory?: string;
}

/** A file that the command line asked for: an object, assembly, dependencies; "-" is standard output. */
export interface OutputFile {
  readonly path: string;
  readonly content: Uint8Array;
}

export interface CompileResult {
  /** 0, or clang's or the linker's exit code. */
  readonly exitCode: number;
  /** The linked guest, when linking was asked for and succeeded. */
  readonly image: GuestImage | undefined;
  /** Files to write. The image's own file is among them, under the path of -o or a.vmi. */
  readonly outputs: readonly OutputFile[];
}

const pool = new ToolPool();

/** Compiles and links in memory; writes nothing but the cache. Throws UsageError for a wrong command line, ToolchainError when a tool fails. */
export async function compile(request: CompileRequest): Promise<CompileResult> {
  const line = parseArguments(expandResponseFiles(request.args, request.cwd), request.language);
  for (const text of line.notes) request.onDiagnostics(`verbena: note: ${text}\n`);
  if (line.inputs.every((input) => input.kind === 'library')) throw new UsageError('no input files');
  checkOutputs(line);
  return new Compilation(request, line).run();
}

/**
 * Builds the guest's libraries unless they are built already: seconds, once per change of their sources. For a place with a progress bar;
 * compile() does the same when it must.
 */
export async function prepareRuntime(cacheDirectory: string = defaultCacheDirectory()): Promise<void> {
  await guestRuntime(pool, new Cache(cacheDirectory));
}

/** Stops the compiler's processes and waits for their end; the next compilation starts new ones. */
export const closeToolchain = (): Promise<void> => pool.close();

/** Writes the files of a result below `cwd`. Standard output ("-") is the caller's. */
export function writeOutputs(result: CompileResult, cwd: string): void {
  for (const { path, content } of result.outputs) if (path !== '-') writeFileSync(resolve(cwd, path), content);
}

function checkOutputs({ inputs, stage, output }: CommandLine): void {
  const sources = inputs.filter((input) => input.kind === 'source').length;
  if (output !== undefined && stage !== 'link' && sources > 1) {
    throw new UsageError('cannot specify -o with -c, -S or -E with multiple files');
  }
}

class Compilation {
  readonly #request: CompileRequest;
  readonly #line: CommandLine;
  readonly #cache: Cache;

  constructor(request: CompileRequest, line: CommandLine) {
    this.#request = request;
    this.#line = line;
    this.#cache = new Cache(request.cacheDirectory ?? defaultCacheDirectory());
  }

  async run(): Promise<CompileResult> {
    const { stage, inputs } = this.#line;
    this.#checkInputs(inputs);
    if (stage === 'link') findLibraries(this.#line, this.#request.cwd);
    const runtime = await guestRuntime(pool, this.#cache);
    const translated = new Map<Input, Translated>();
    const outputs: OutputFile[] = [];
    await Promise.all(
      inputs.map(async (input) => (input.kind === 'source' ? translated.set(input, await this.#translate(input, runtime)) : undefined)),
    );
    for (const [input, result] of [...translated].sort(([a], [b]) => inputs.indexOf(a) - inputs.indexOf(b))) {
      this.#request.onDiagnostics(result.diagnostics);
      if (input.kind === 'source') outputs.push(...this.#outputsOf(input.path, result));
    }
    const failed = [...translated.values()].find((result) => result.exitCode !== 0);
    if (failed !== undefined) return { exitCode: failed.exitCode, image: undefined, outputs: [] };
    if (stage !== 'link' || this.#line.dependencies?.only === true) return { exitCode: 0, image: undefined, outputs };
    const linked = await this.#link(translated, runtime);
    return { ...linked, outputs: [...outputs, ...linked.outputs] };
  }

  #checkInputs(inputs: readonly Input[]): void {
    for (const input of inputs) {
      if (input.kind === 'library' || input.path === '-' || isFile(resolve(this.#request.cwd, input.path))) continue;
      throw new UsageError(`${input.path}: no such file`);
    }
  }

  #translate(input: Input & { kind: 'source' }, runtime: GuestRuntime): Promise<Translated> {
    const { quoteDirectories, includeDirectories, forcedHeaders, driverFlags, frontendFlags, dependencies, stage } = this.#line;
    const { cwd, colors } = this.#request;
    const stdin = resolve(cwd, '-');
    const read = (path: string): Uint8Array =>
      path === stdin && input.path === '-' ? (this.#request.stdin?.() ?? new Uint8Array()) : readFileSync(path);
    const scanner = new IncludeScanner(cwd, { quote: quoteDirectories, angled: includeDirectories }, read);
    scanner.add(input.path);
    for (const header of forcedHeaders) scanner.addHeader(header);
    for (const flag of frontendFlags) for (const [, name] of flag.matchAll(/^-D\w+=["<](.+)[">]$/g)) scanner.addHeader(name ?? '');
    const translation: Translation = {
      path: input.path,
      language: input.language,
      stage: dependencies?.only === true ? 'preprocess' : stage === 'link' ? 'object' : stage,
      cwd,
      driverFlags: input.language === 'assembler' ? driverFlags : [...optimizerFlags(driverFlags), ...driverFlags],
      frontendFlags,
      systemDirectories: HEADER_DIRECTORIES,
      dependencies: dependencies === undefined ? undefined : { request: dependencies, target: this.#dependencyTarget(input.path) },
      colors: colors ?? false,
      files: new Map([...runtime.headers, ...scanner.files]),
    };
    // The instrumenter loads while clang works.
    if (stage === 'link' && this.#line.asyncify && !isTranslated(translation, this.#cache)) pool.warm('asyncify');
    return translate(translation, pool, this.#cache);
  }

  #dependencyTarget(source: string): string {
    return this.#line.stage === 'link' ? `${stem(source)}.o` : (this.#line.output ?? `${stem(source)}.o`);
  }

  /** What one source leaves behind besides its part in the image: the object of -c, the text of -E, the dependencies of -MD. */
  #outputsOf(source: string, { output, dependencyText }: Translated): OutputFile[] {
    const { stage, output: named, dependencies } = this.#line;
    const files: OutputFile[] = [];
    if (dependencies !== undefined && dependencyText !== undefined) {
      const file =
        dependencies.file ??
        (dependencies.only ? (named ?? '-') : `${stage === 'link' || named === undefined ? stem(source) : withoutExtension(named)}.d`);
      files.push({ path: file, content: Buffer.from(dependencyText, 'utf8') });
    }
    if (output === undefined || dependencies?.only === true) return files;
    if (stage === 'object') files.push({ path: named ?? `${stem(source)}.o`, content: output });
    if (stage === 'assembly') files.push({ path: named ?? `${stem(source)}.s`, content: output });
    if (stage === 'preprocess') files.push({ path: named ?? '-', content: output });
    return files;
  }

  async #link(translated: ReadonlyMap<Input, Translated>, runtime: GuestRuntime): Promise<CompileResult> {
    const { inputs, asyncify, polls, output } = this.#line;
    const archives = findLibraries(this.#line, this.#request.cwd);
    const linkInputs = inputs.flatMap((input): LinkInput[] => {
      if (input.kind === 'source') return [{ name: input.path, content: translated.get(input)?.output ?? new Uint8Array() }];
      if (input.kind === 'object') return [{ name: input.path, content: readFileSync(resolve(this.#request.cwd, input.path)) }];
      const archive = archives.paths.get(input.name);
      return archive === undefined ? [] : [{ name: archive, content: readFileSync(archive) }];
    });
    const cxx =
      this.#request.language === 'c++' || archives.cxx || inputs.some((input) => input.kind === 'source' && isCxx(input.language));
    const linked = await link({ inputs: linkInputs, runtime: runtime.archive, cxx, asyncify, polls }, pool, this.#cache);
    this.#request.onDiagnostics(linked.diagnostics);
    if (linked.wasm === undefined) return { exitCode: linked.exitCode, image: undefined, outputs: [] };
    const image = imageOf(Buffer.concat([linked.wasm, ...this.#embedded()]), cxx, { asyncify, polls });
    return { exitCode: 0, image, outputs: [{ path: output ?? 'a.vmi', content: writeImageFile(image) }] };
  }

  #embedded(): Uint8Array[] {
    return this.#line.embedded.map(({ file, path }) => {
      try {
        return imageFileSection({ path, content: readFileSync(resolve(this.#request.cwd, file)) });
      } catch (error) {
        throw new UsageError(`--embed-file ${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    });
  }
}

/** A source's name without directory and extension, as compilers name what they make of it. */
const stem = (path: string): string => (path === '-' ? 'a' : basename(path, extname(path)));

/** The path of an output without its extension: what gcc names an object's dependencies by. */
const withoutExtension = (path: string): string => path.slice(0, path.length - extname(path).length);

function imageOf(wasm: Uint8Array, cxx: boolean, { asyncify, polls }: Pick<CommandLine, 'asyncify' | 'polls'>): GuestImage {
  const { minimumBytes, imports, hasTags } = moduleInfo(wasm);
  const usesMpi = imports.includes('hca.uar_write');
  const libc = `wasi-libc of clang ${CLANG_VERSION}`;
  return buildImage({
    wasm,
    libraries: { libc, ...(cxx ? { 'libc++': CLANG_VERSION } : {}), ...(usesMpi ? { mpi: '3.1', verbs: '1.0' } : {}) },
    memory: { minimumBytes, defaultBytes: Math.min(Math.max(DEFAULT_MEMORY_BYTES, minimumBytes + MEMORY_ROOM_BYTES), 0x1_0000_0000) },
    asyncify: asyncify && !hasTags ? { imports: BLOCKING_IMPORTS, polls } : null,
  });
}

/** What is asked of a tool worker, and what it answers. Trees are nested directories; leaves are files. */
export interface Tree {
  [name: string]: Tree | Uint8Array | string;
}

export interface LlvmRequest {
  readonly kind: 'llvm';
  /** argv of one tool: "clang -cc1 ...", "wasm-ld ...", "ar ...". */
  readonly args: readonly string[];
  readonly files: Tree;
  /**
   * The file among the results that standard output stands for. Large results go this way ("-o -"): the tools' file system in memory copies
   * a whole file for each piece that is appended to it, so that 32 MB of static data would take a minute.
   */
  readonly stdoutAs?: string;
}

/** Functions by index without imports. */
export interface PollPlan {
  /** Those that may get polls: the program's own. */
  readonly program: readonly number[];
  /** Those that start the program: what else calls into it may be at work on data that a poll must not see. */
  readonly starts: readonly number[];
}

export interface AsyncifyRequest {
  readonly kind: 'asyncify';
  readonly wasm: Uint8Array;
  /** "module.name" of each import over which the guest may unwind. */
  readonly imports: readonly string[];
  readonly polls: PollPlan;
}

/** Loads what a request of the other kinds will need, so that it does not wait. */
export interface WarmRequest {
  readonly kind: 'warm';
  readonly tool: 'llvm' | 'asyncify';
}

export type ToolRequest = LlvmRequest | AsyncifyRequest | WarmRequest;

export interface ToolResult {
  readonly exitCode: number;
  /** What the tool wrote to its standard error, and to its standard output unless that is a result. */
  readonly text: string;
  /** The files below /out after the run, and the one that standard output stood for. */
  readonly out: Readonly<Record<string, Uint8Array>>;
}

export interface ToolReply {
  readonly id: number;
  readonly result?: ToolResult;
  /** The tool itself failed: it trapped, ran out of memory, or could not be loaded. */
  readonly failure?: string;
}

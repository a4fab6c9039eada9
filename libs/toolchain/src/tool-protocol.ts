/** What is asked of a tool worker, and what it answers. Trees are nested directories; leaves are files. */
export interface Tree {
  [name: string]: Tree | Uint8Array | string;
}

export interface LlvmRequest {
  readonly kind: 'llvm';
  /** argv of one tool: "clang -cc1 ...", "wasm-ld ...", "ar ...". */
  readonly args: readonly string[];
  readonly files: Tree;
}

export interface AsyncifyRequest {
  readonly kind: 'asyncify';
  readonly wasm: Uint8Array;
  /** "module.name" of each import over which the guest may unwind. */
  readonly imports: readonly string[];
}

/** Loads what a request of the other kinds will need, so that it does not wait. */
export interface WarmRequest {
  readonly kind: 'warm';
  readonly tool: 'llvm' | 'asyncify';
}

export type ToolRequest = LlvmRequest | AsyncifyRequest | WarmRequest;

export interface ToolResult {
  readonly exitCode: number;
  /** Everything that the tool wrote to its standard output and error. */
  readonly text: string;
  /** The files below /out after the run. */
  readonly out: Readonly<Record<string, Uint8Array>>;
}

export interface ToolReply {
  readonly id: number;
  readonly result?: ToolResult;
  /** The tool itself failed: it trapped, ran out of memory, or could not be loaded. */
  readonly failure?: string;
}

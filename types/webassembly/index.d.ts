/**
 * The part of the WebAssembly JavaScript Interface that this project uses. It comes with TypeScript's DOM library only, which would bring
 * a browser's globals into every service.
 */
declare global {
  namespace WebAssembly {
    interface MemoryDescriptor {
      initial: number;
      maximum?: number;
      shared?: boolean;
    }
    class Memory {
      constructor(descriptor: MemoryDescriptor);
      readonly buffer: ArrayBuffer | SharedArrayBuffer;
      grow(delta: number): number;
    }
    interface TableDescriptor {
      element: 'anyfunc' | 'externref';
      initial: number;
      maximum?: number;
    }
    class Table {
      constructor(descriptor: TableDescriptor, value?: unknown);
      readonly length: number;
      get(index: number): unknown;
      set(index: number, value?: unknown): void;
      grow(delta: number, value?: unknown): number;
    }
    interface GlobalDescriptor {
      value: 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'anyfunc' | 'externref';
      mutable?: boolean;
    }
    class Global {
      constructor(descriptor: GlobalDescriptor, value?: unknown);
      value: unknown;
      valueOf(): unknown;
    }
    type ExternalKind = 'function' | 'table' | 'memory' | 'global' | 'tag';
    interface ModuleExportDescriptor {
      name: string;
      kind: ExternalKind;
    }
    interface ModuleImportDescriptor {
      module: string;
      name: string;
      kind: ExternalKind;
    }
    class Module {
      constructor(bytes: ArrayBufferView<ArrayBufferLike> | ArrayBuffer);
      static exports(module: Module): ModuleExportDescriptor[];
      static imports(module: Module): ModuleImportDescriptor[];
      static customSections(module: Module, name: string): ArrayBuffer[];
    }
    type Imports = Record<string, Record<string, unknown>>;
    class Instance {
      constructor(module: Module, imports?: Imports);
      readonly exports: Record<string, unknown>;
    }
    class CompileError extends Error {}
    class LinkError extends Error {}
    class RuntimeError extends Error {}
    function validate(bytes: ArrayBufferView<ArrayBufferLike> | ArrayBuffer): boolean;
    function compile(bytes: ArrayBufferView<ArrayBufferLike> | ArrayBuffer): Promise<Module>;
    function instantiate(module: Module, imports?: Imports): Promise<Instance>;
  }
}

export {};

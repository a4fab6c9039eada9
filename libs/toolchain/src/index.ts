export type { CompileRequest, CompileResult, OutputFile } from './compile.ts';
export { closeToolchain, compile, prepareRuntime, writeOutputs } from './compile.ts';
export type { DriverLanguage } from './languages.ts';
export { ToolchainError, UsageError } from './errors.ts';
export type { DriverIo } from './driver.ts';
export { compilerDriver } from './driver.ts';

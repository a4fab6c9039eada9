import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { compilerDriver } from '../driver.ts';
import { compile } from '../compile.ts';
import type { CompileResult } from '../compile.ts';
import type { DriverLanguage } from '../languages.ts';

export interface Compiled extends CompileResult {
  readonly diagnostics: string;
}

export interface Driven {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory with a user's sources in it, and the compiler at hand. */
export class Workbench {
  readonly directory = mkdtempSync(join(tmpdir(), 'verbena-toolchain-'));

  write(files: Readonly<Record<string, string>>): this {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.directory, name)), { recursive: true });
      writeFileSync(join(this.directory, name), text);
    }
    return this;
  }

  async compile(
    args: readonly string[],
    options: { language?: DriverLanguage; cacheDirectory?: string; cwd?: string } = {},
  ): Promise<Compiled> {
    let diagnostics = '';
    const { language = 'c', cacheDirectory, cwd = '.' } = options;
    const result = await compile({
      language,
      args,
      cwd: join(this.directory, cwd),
      onDiagnostics: (text) => {
        diagnostics += text;
      },
      ...(cacheDirectory === undefined ? {} : { cacheDirectory }),
    });
    return { ...result, diagnostics };
  }

  async drive(args: readonly string[], options: { language?: DriverLanguage; stdin?: string } = {}): Promise<Driven> {
    let stdout = '';
    let stderr = '';
    const exitCode = await compilerDriver(args, options.language ?? 'c', {
      cwd: this.directory,
      stdout: (text) => {
        stdout += typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
      },
      stderr: (text) => {
        stderr += text;
      },
      stdin: () => Buffer.from(options.stdin ?? ''),
    });
    return { exitCode, stdout, stderr };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

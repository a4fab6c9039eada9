/**
 * Finds the user's files that a source may read, because the compiler sees a file system in memory and nothing else. The scan is
 * generous, it takes every candidate of every include whatever the conditions around it, and bounded, so that a stray -I of a home
 * directory loads the headers that are named and not the home directory.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { UsageError } from './errors.ts';

const MOST_FILES = 10_000;
const MOST_BYTES = 256 * 1024 * 1024;

/** Directories as the user typed them, in the order in which the compiler searches. */
export interface SearchPath {
  /** -iquote: for "name" alone. */
  readonly quote: readonly string[];
  /** -I, -isystem, -idirafter and our own headers. */
  readonly angled: readonly string[];
}

/** Absolute path to content. */
export type LoadedFiles = Map<string, Uint8Array>;

const DIRECTIVE = /^[ \t]*#[ \t]*(?:include|include_next|import|embed)[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)/gm;
const QUERY = /__has_(?:include|include_next|embed)[ \t]*\([ \t]*(?:"([^"\n]+)"|<([^>\n]+)>)/g;
/** A macro whose value looks like a header name: `#include NAME` may use it. */
const HEADER_MACRO = /^[ \t]*#[ \t]*define[ \t]+\w+[ \t]+(?:"([^"\n]+)"|<([^>\n]+)>)/gm;
const ASSEMBLER = /\.inc(?:lude|bin)\b[ \t]*\\?"([^"\n\\]+)\\?"()/g;

interface Wanted {
  readonly name: string;
  readonly quoted: boolean;
}

export class IncludeScanner {
  readonly files: LoadedFiles = new Map();
  readonly #cwd: string;
  readonly #search: SearchPath;
  readonly #read: (path: string) => Uint8Array;
  #bytes = 0;

  constructor(cwd: string, search: SearchPath, read: (path: string) => Uint8Array = readFileSync) {
    this.#cwd = cwd;
    this.#search = search;
    this.#read = read;
  }

  /** Loads `path` and everything that it may include. The path must exist. */
  add(path: string): void {
    const pending = [this.#absolute(path)];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.files.has(next)) continue;
      const content = this.#load(next);
      for (const wanted of includesOf(content)) pending.push(...this.#candidates(wanted, dirname(next)));
    }
  }

  /** Loads a header as `-include name` or `#include "name"` in the working directory would find it. */
  addHeader(name: string): void {
    for (const path of this.#candidates({ name, quoted: true }, this.#cwd)) this.add(path);
  }

  #absolute(path: string): string {
    return resolve(this.#cwd, path);
  }

  #load(path: string): Uint8Array {
    const content = this.#read(path);
    this.#bytes += content.length;
    this.files.set(path, content);
    if (this.files.size > MOST_FILES || this.#bytes > MOST_BYTES) {
      throw new UsageError(
        `the sources include more than ${String(MOST_FILES)} files or ${String(MOST_BYTES / 1024 / 1024)} MiB (last: ${path})`,
      );
    }
    return content;
  }

  #candidates({ name, quoted }: Wanted, directory: string): string[] {
    if (name.startsWith('/')) return [name].filter(isFile);
    const directories = quoted ? [directory, ...this.#search.quote, ...this.#search.angled] : this.#search.angled;
    return [...new Set(directories.map((each) => resolve(this.#cwd, each, name)))].filter(isFile);
  }
}

function includesOf(content: Uint8Array): Wanted[] {
  // Latin-1 keeps every byte a character, so that no source is undecodable; file names beyond ASCII are decoded again.
  const text = Buffer.from(content.buffer, content.byteOffset, content.length)
    .toString('latin1')
    .replaceAll(/\\\r?\n/g, ' ');
  return [DIRECTIVE, QUERY, HEADER_MACRO, ASSEMBLER]
    .flatMap((pattern) =>
      Array.from(text.matchAll(pattern), ([, quoted, angled]) => ({
        name: Buffer.from(quoted ?? angled ?? '', 'latin1').toString('utf8'),
        quoted: quoted !== undefined,
      })),
    )
    .filter(({ name }) => name !== '');
}

export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

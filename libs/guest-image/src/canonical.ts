/**
 * Manifest bytes: JSON without white space, object keys sorted by code unit, UTF-8. Equal manifests have equal bytes, so the digest
 * names the image. Parsing accepts exactly this form and nothing else: a manifest that would be written differently is refused, because
 * two spellings of one image would have two digests.
 */
import type { ImageManifest } from './manifest.ts';
import { ImageFormatError } from './errors.ts';

/** A manifest is small; anything beyond this is refused before it is parsed. */
export const MANIFEST_MAX_BYTES = 64 * 1024;
/** Content (the WebAssembly module) of at most 256 MiB. */
export const CONTENT_MAX_BYTES = 256 * 1024 * 1024;
/** wasm32 addresses 4 GiB. */
const MEMORY_MAX_BYTES = 0x1_0000_0000;
const WASM_PAGE_BYTES = 65_536;
const MAP_MAX_ENTRIES = 256;
const TEXT_MAX_LENGTH = 1024;
const CONTENT_DIGEST = /^sha256:[0-9a-f]{64}$/;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] ?? null)}`).join(',')}}`;
}

const isArray = (value: Json): value is readonly Json[] => Array.isArray(value);

/** The one byte sequence of a manifest. Throws ImageFormatError when the manifest is not valid, naming the field. */
export function canonicalManifest(manifest: ImageManifest): Uint8Array {
  const json = manifest as unknown as Json;
  const bytes = new TextEncoder().encode(canonicalJson(manifestOf(json) as unknown as Json));
  if (bytes.length > MANIFEST_MAX_BYTES) throw tooLarge(bytes.length);
  return bytes;
}

/** Reads a canonical manifest. Throws ImageFormatError naming the field that is wrong. */
export function parseManifest(bytes: Uint8Array): ImageManifest {
  if (bytes.length > MANIFEST_MAX_BYTES) throw tooLarge(bytes.length);
  const text = decodeUtf8(bytes);
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch (cause) {
    throw new ImageFormatError('the image manifest is not JSON', { cause });
  }
  const manifest = manifestOf(json);
  if (canonicalJson(manifest as unknown as Json) !== text) {
    throw new ImageFormatError('the image manifest is not in canonical form (sorted keys, no white space, no further fields)');
  }
  return manifest;
}

const tooLarge = (bytes: number): ImageFormatError =>
  new ImageFormatError(`the image manifest has ${String(bytes)} bytes; at most ${String(MANIFEST_MAX_BYTES)} are allowed`);

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ImageFormatError('the image manifest is not UTF-8', { cause });
  }
}

function manifestOf(json: Json): ImageManifest {
  const root = object(json, 'manifest');
  const memory = object(root['memory'], 'memory');
  const content = object(root['content'], 'content');
  const minimumBytes = pages(memory['minimumBytes'], 'memory.minimumBytes');
  const defaultBytes = pages(memory['defaultBytes'], 'memory.defaultBytes');
  if (defaultBytes < minimumBytes) throw bad('memory.defaultBytes', `must be at least memory.minimumBytes (${String(minimumBytes)})`);
  return {
    kind: exactly(root['kind'], 'kind', 'verbena.guest-image'),
    version: exactly(root['version'], 'version', 1),
    os: exactly(root['os'], 'os', 'verbena-guest'),
    abiVersion: exactly(root['abiVersion'], 'abiVersion', 1),
    arch: exactly(root['arch'], 'arch', 'wasm32'),
    libraries: texts(root['libraries'], 'libraries'),
    memory: { minimumBytes, defaultBytes },
    content: {
      digest: digest(content['digest'], 'content.digest'),
      bytes: integer(content['bytes'], 'content.bytes', 1, CONTENT_MAX_BYTES),
    },
    asyncify: asyncify(root['asyncify']),
    labels: texts(root['labels'], 'labels'),
  };
}

const bad = (field: string, reason: string): ImageFormatError => new ImageFormatError(`image manifest: ${field} ${reason}`);

function object(json: Json | undefined, field: string): JsonObject {
  if (json === null || typeof json !== 'object' || isArray(json)) throw bad(field, 'must be an object');
  return json;
}

function exactly<const T extends string | number>(json: Json | undefined, field: string, expected: T): T {
  if (json !== expected) throw bad(field, `must be ${JSON.stringify(expected)}, not ${JSON.stringify(json)}`);
  return expected;
}

function integer(json: Json | undefined, field: string, least: number, most: number): number {
  if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < least || json > most) {
    throw bad(field, `must be a whole number from ${String(least)} to ${String(most)}`);
  }
  return json;
}

function pages(json: Json | undefined, field: string): number {
  const bytes = integer(json, field, WASM_PAGE_BYTES, MEMORY_MAX_BYTES);
  if (bytes % WASM_PAGE_BYTES !== 0) throw bad(field, 'must be a multiple of 65536');
  return bytes;
}

function text(json: Json | undefined, field: string): string {
  if (typeof json !== 'string' || json.length > TEXT_MAX_LENGTH)
    throw bad(field, `must be text of at most ${String(TEXT_MAX_LENGTH)} characters`);
  return json;
}

function digest(json: Json | undefined, field: string): string {
  if (typeof json !== 'string' || !CONTENT_DIGEST.test(json)) throw bad(field, 'must look like sha256:<64 hexadecimal digits>');
  return json;
}

function texts(json: Json | undefined, field: string): Readonly<Record<string, string>> {
  const entries = Object.entries(object(json, field));
  if (entries.length > MAP_MAX_ENTRIES) throw bad(field, `must have at most ${String(MAP_MAX_ENTRIES)} entries`);
  return Object.fromEntries(entries.map(([key, value]) => [text(key, `a key of ${field}`), text(value, `${field}.${key}`)]));
}

function asyncify(json: Json | undefined): ImageManifest['asyncify'] {
  if (json === null) return null;
  const { imports, polls } = object(json, 'asyncify');
  if (imports === undefined || !isArray(imports) || imports.length > MAP_MAX_ENTRIES)
    throw bad('asyncify.imports', 'must be a list of import names');
  if (polls !== undefined && typeof polls !== 'boolean') throw bad('asyncify.polls', 'must be true or false');
  return {
    imports: imports.map((name, index) => text(name, `asyncify.imports[${String(index)}]`)),
    ...(polls === undefined ? {} : { polls }),
  };
}

/**
 * The shape of --json: protobuf JSON (camelCase, 64-bit integers as strings, times as RFC 3339) with every field present, and three liberties
 * that make it pleasant: enum values are short ("running", not "JOB_STATE_RUNNING"), payloads that are JSON themselves appear as JSON, and
 * lists come whole, without page tokens.
 */
import {
  ScalarType,
  toJson,
  type DescEnum,
  type DescField,
  type DescMessage,
  type JsonObject,
  type JsonValue,
  type MessageShape,
} from '@bufbuild/protobuf';

/** Bytes fields that hold JSON. */
const jsonPayloads = new Set(['verbena.event.v1.Event.data', 'verbena.event.v1.Entity.state', 'verbena.image.v1.Image.manifest']);

/** JOB_STATE_RUNNING -> "running"; END_CAUSE_EXIT_NONZERO -> "exit-nonzero". */
export function enumName(desc: DescEnum, value: number): string {
  return shortName(desc, desc.value[value]?.name ?? `${value}`);
}

function shortName(desc: DescEnum, name: string): string {
  const prefix = `${desc.name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()}_`;
  return (name.startsWith(prefix) ? name.slice(prefix.length) : name).toLowerCase().replaceAll('_', '-');
}

/** A message as a JSON value in the documented shape. */
export function jsonOf<D extends DescMessage>(desc: D, message: MessageShape<D>): JsonObject {
  return friendly(desc, toJson(desc, message, { alwaysEmitImplicit: true }) as JsonObject);
}

/** The text that --json prints: one document, indented. */
export function jsonText(value: JsonValue): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function friendly(desc: DescMessage, json: JsonValue): JsonObject {
  const object = json as JsonObject;
  if (desc.typeName.startsWith('google.protobuf.')) return object;
  for (const field of desc.fields) {
    const value = object[field.jsonName];
    if (value !== undefined && value !== null) object[field.jsonName] = fieldValue(desc, field, value);
  }
  for (const name of ['nextPageToken', 'nextAfterPosition']) delete object[name];
  return object;
}

function fieldValue(desc: DescMessage, field: DescField, value: JsonValue): JsonValue {
  if (field.fieldKind === 'list') return (value as JsonValue[]).map((item) => single(field.enum, field.message, item));
  if (field.fieldKind === 'map')
    return Object.fromEntries(Object.entries(value as JsonObject).map(([key, item]) => [key, single(field.enum, field.message, item)]));
  if (field.fieldKind === 'scalar' && field.scalar === ScalarType.BYTES && jsonPayloads.has(`${desc.typeName}.${field.name}`))
    return payload(value);
  return single(field.enum, field.message, value);
}

function single(enumDesc: DescEnum | undefined, message: DescMessage | undefined, value: JsonValue): JsonValue {
  if (enumDesc && typeof value === 'string') return shortName(enumDesc, value);
  if (message && typeof value === 'object' && value !== null) return friendly(message, value);
  return value;
}

/** JSON within base64; what is no JSON stays as it is. */
function payload(base64: JsonValue): JsonValue {
  try {
    return JSON.parse(Buffer.from(String(base64), 'base64').toString('utf8')) as JsonValue;
  } catch {
    return base64;
  }
}

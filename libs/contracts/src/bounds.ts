/** Which fields of a request could be of any size: what a gateway would have to hold in memory without ever having agreed to. */
import { getOption, hasOption, ScalarType, type DescField, type DescMessage } from '@bufbuild/protobuf';
import { field as rulesOf, type FieldRules } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

/** Well-known types bound themselves, or are as large as the request that they come in (FieldMask). */
const wellKnown = /^google\.protobuf\./;

type Type = FieldRules['type'];

function boundedScalar(scalar: ScalarType, type: Type | undefined): boolean {
  if (scalar === ScalarType.STRING)
    return (
      type?.case === 'string' && (type.value.maxLen > 0n || type.value.maxBytes > 0n || type.value.len > 0n || type.value.lenBytes > 0n)
    );
  if (scalar === ScalarType.BYTES) return type?.case === 'bytes' && (type.value.maxLen > 0n || type.value.len > 0n);
  return true;
}

function isBounded(field: DescField): boolean {
  const type = hasOption(field, rulesOf) ? getOption(field, rulesOf).type : undefined;
  if (field.fieldKind === 'list') {
    if (type?.case !== 'repeated' || type.value.maxItems === 0n) return false;
    return field.listKind !== 'scalar' || boundedScalar(field.scalar, type.value.items?.type);
  }
  if (field.fieldKind === 'map') {
    if (type?.case !== 'map' || type.value.maxPairs === 0n || !boundedScalar(field.mapKey, type.value.keys?.type)) return false;
    return field.mapKind !== 'scalar' || boundedScalar(field.scalar, type.value.values?.type);
  }
  return field.fieldKind !== 'scalar' || boundedScalar(field.scalar, type);
}

/** Names of the string, bytes, repeated and map fields of a message, and of the messages in it, that no constraint bounds. */
export function unboundedFields(message: DescMessage, seen = new Set<string>()): readonly string[] {
  if (seen.has(message.typeName) || wellKnown.test(message.typeName)) return [];
  seen.add(message.typeName);
  return message.fields.flatMap((field) => [
    ...(isBounded(field) ? [] : [`${message.typeName}.${field.name}`]),
    ...(field.message ? unboundedFields(field.message, seen) : []),
  ]);
}

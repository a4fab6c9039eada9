/**
 * The contracts import buf/validate/validate.proto. Its text is in no npm package, but its descriptor is, in the very version that evaluates the
 * constraints; so the text that buf compiles against is printed from the descriptor, and cannot differ from what runs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { file_buf_validate_validate as validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

const scalars = {
  1: 'double',
  2: 'float',
  3: 'int64',
  4: 'uint64',
  5: 'int32',
  6: 'fixed64',
  7: 'fixed32',
  8: 'bool',
  9: 'string',
  12: 'bytes',
  13: 'uint32',
  15: 'sfixed32',
  16: 'sfixed64',
  17: 'sint32',
  18: 'sint64',
};
const labels = { 1: 'optional', 2: 'required', 3: 'repeated' };
const largestField = 536_870_912;

const typeOf = (field) => scalars[field.type] ?? field.typeName;

function fieldLine(field, label = `${labels[field.label]} `) {
  const preset = field.defaultValue ? ` [default = ${field.type === 9 ? JSON.stringify(field.defaultValue) : field.defaultValue}]` : '';
  return `${label}${typeOf(field)} ${field.name} = ${field.number}${preset};`;
}

function enumLines({ name, value, options }) {
  const alias = options?.allowAlias ? ['  option allow_alias = true;'] : [];
  return [`enum ${name} {`, ...alias, ...value.map((one) => `  ${one.name} = ${one.number};`), '}'];
}

/** Extensions, one block for each message that they extend. */
function extendLines(extensions) {
  return Object.entries(Object.groupBy(extensions, ({ extendee }) => extendee)).flatMap(([extendee, fields]) => [
    `extend ${extendee} {`,
    ...fields.map((field) => `  ${fieldLine(field)}`),
    '}',
  ]);
}

function messageLines(message) {
  const oneofs = message.oneofDecl.flatMap(({ name }, index) => [
    `oneof ${name} {`,
    ...message.field
      .filter((field) => Object.hasOwn(field, 'oneofIndex') && field.oneofIndex === index)
      .map((field) => `  ${fieldLine(field, '')}`),
    '}',
  ]);
  const body = [
    ...message.enumType.flatMap(enumLines),
    ...message.nestedType.flatMap(messageLines),
    ...message.field.filter((field) => !Object.hasOwn(field, 'oneofIndex')).map((field) => fieldLine(field)),
    ...oneofs,
    ...message.extensionRange.map(({ start, end }) => `extensions ${start} to ${end === largestField ? 'max' : end - 1};`),
    ...extendLines(message.extension),
  ];
  return [`message ${message.name} {`, ...body.map((line) => `  ${line}`), '}'];
}

/** The text of a file, without comments and without options: those matter to whoever evaluates, not to whoever compiles against it. */
export function protoText({ proto }) {
  return [
    `syntax = "${proto.syntax || 'proto2'}";`,
    `package ${proto.package};`,
    ...proto.dependency.map((file) => `import "${file}";`),
    ...proto.enumType.flatMap(enumLines),
    ...proto.messageType.flatMap(messageLines),
    ...extendLines(proto.extension),
    '',
  ].join('\n');
}

/** Writes the files that the contracts import, below a directory. */
export function writeImports(directory) {
  const path = join(directory, validate.proto.name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, protoText(validate));
}

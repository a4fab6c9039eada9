import { create, isMessage, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { FieldMaskSchema, type FieldMask } from '@bufbuild/protobuf/wkt';

/**
 * A message with only the fields that a mask names, at its top level; the message itself when the mask is absent or empty. A path into a field
 * ("spec.name") gives the whole field.
 * @throws {RangeError} naming the path that is no field of the message
 */
export function onlyMasked<D extends DescMessage>(schema: D, message: MessageShape<D>, mask: FieldMask | undefined): MessageShape<D> {
  if (!isMessage(mask, FieldMaskSchema) || mask.paths.length === 0) return message;
  const kept = create(schema);
  const [from, to] = [reflect(schema, message), reflect(schema, kept)];
  for (const path of mask.paths) {
    const name = path.split('.', 1)[0] ?? '';
    const field = schema.fields.find((candidate) => candidate.name === name || candidate.jsonName === name);
    if (field === undefined)
      throw new RangeError(`${schema.name} has no field ${JSON.stringify(name.slice(0, 80))}, which the read mask names`);
    if (from.isSet(field)) to.set(field, from.get(field));
  }
  return kept;
}

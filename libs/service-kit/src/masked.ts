import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import type { FieldMask } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { onlyMasked } from '@verbena/contracts';

/** Messages of a list with only the fields that the caller asked for. @throws {ConnectError} INVALID_ARGUMENT for a field that does not exist */
export function masked<D extends DescMessage>(
  schema: D,
  messages: readonly MessageShape<D>[],
  mask: FieldMask | undefined,
): readonly MessageShape<D>[] {
  try {
    return messages.map((message) => onlyMasked(schema, message, mask));
  } catch (error) {
    if (error instanceof RangeError) throw new ConnectError(error.message, Code.InvalidArgument, undefined, undefined, error);
    throw error;
  }
}

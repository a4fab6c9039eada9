/** A service with one method of each kind, described at run time, because the contracts have no client streams yet. */
import { create, createFileRegistry, type Message } from '@bufbuild/protobuf';
import type { GenMessage, GenService } from '@bufbuild/protobuf/codegenv2';
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

export type Ping = Message<'verbena.testing.Ping'> & { text: string; data: Uint8Array };
type PingSchema = GenMessage<Ping>;
type Kind<K extends 'unary' | 'server_streaming' | 'client_streaming' | 'bidi_streaming'> = {
  methodKind: K;
  input: PingSchema;
  output: PingSchema;
};

const optional = FieldDescriptorProto_Label.OPTIONAL;
const type = '.verbena.testing.Ping';
const file = create(FileDescriptorProtoSchema, {
  name: 'verbena/testing/echo.proto',
  package: 'verbena.testing',
  syntax: 'proto3',
  messageType: [
    {
      name: 'Ping',
      field: [
        { name: 'text', number: 1, type: FieldDescriptorProto_Type.STRING, label: optional },
        { name: 'data', number: 2, type: FieldDescriptorProto_Type.BYTES, label: optional },
      ],
    },
  ],
  service: [
    {
      name: 'Echo',
      method: [
        { name: 'One', inputType: type, outputType: type },
        { name: 'Many', inputType: type, outputType: type, serverStreaming: true },
        { name: 'Gather', inputType: type, outputType: type, clientStreaming: true },
        { name: 'Talk', inputType: type, outputType: type, clientStreaming: true, serverStreaming: true },
      ],
    },
  ],
});
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));

export const pingSchema = registry.getMessage('verbena.testing.Ping') as PingSchema;
export const echoService = registry.getService('verbena.testing.Echo') as GenService<{
  one: Kind<'unary'>;
  many: Kind<'server_streaming'>;
  gather: Kind<'client_streaming'>;
  talk: Kind<'bidi_streaming'>;
}>;

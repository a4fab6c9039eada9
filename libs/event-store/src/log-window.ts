/**
 * The log in windows: so many positions at once, by COPY in binary, of which each event decodes what is asked of it. Positions are dense, so a
 * window is a range of positions, and no window misses or repeats what its neighbours hold.
 */
import { upcast, type DomainEvent, type EventCatalogue, type EventMetadata, type RecordedEvent } from '@verbena/event-sourcing';
import type pg from 'pg';
import { headerBytes, postgresEpochMs } from './copy-rows.ts';
import { Pipeline } from './pipeline.ts';
import { formatId } from './event-ids.ts';

/** Those of a fixed length first, so that they stand at the same place in every row. */
const columns = 'position, version, schema, time, stream, type, data, tenant, actor, correlation_id, causation_id, traceparent, epoch, id';
const places = { position: 6, version: 18, schema: 26, time: 32, variable: 40 } as const;
const variableFields = ['stream', 'type', 'data', 'tenant', 'actor', 'correlationId', 'causationId', 'traceparent', 'epoch', 'id'] as const;
type Field = (typeof variableFields)[number];
const indexOf = Object.fromEntries(variableFields.map((name, index) => [name, index])) as Readonly<Record<Field, number>>;
const firstBytes = 1 << 20;

export interface WindowOptions {
  /** Exclusive. */
  readonly after: bigint;
  /** Inclusive. */
  readonly through: bigint;
  /** Only streams whose names begin so. */
  readonly prefix?: string;
}

/** The events of a window in order. They hold on to the window's memory. */
export async function readWindow(
  client: pg.ClientBase,
  { after, through, prefix }: WindowOptions,
  catalogue: EventCatalogue,
): Promise<readonly RecordedEvent[]> {
  if (prefix !== undefined && !/^[a-z]+-$/.test(prefix)) throw new TypeError(`${JSON.stringify(prefix)} is no prefix of streams`);
  const streams = prefix === undefined ? '' : ` and stream ^@ '${prefix}'`;
  const text = `copy (select ${columns} from events where position > ${after} and position <= ${through}${streams} order by position) to stdout (format binary)`;
  let buffer = Buffer.allocUnsafe(firstBytes);
  let length = 0;
  const onData = (chunk: Buffer): void => {
    if (length + chunk.length > buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(buffer.length * 2, length + chunk.length));
      buffer.copy(grown, 0, 0, length);
      buffer = grown;
    }
    length += chunk.copy(buffer, length);
  };
  await new Pipeline(client).send(text, { onData });
  return rowsOf(buffer.subarray(0, length), catalogue);
}

function rowsOf(buffer: Buffer, catalogue: EventCatalogue): readonly RecordedEvent[] {
  const rows: RecordedEvent[] = [];
  for (let at: number = headerBytes; buffer.readInt16BE(at) >= 0;) {
    rows.push(new WindowEvent(buffer, at, catalogue));
    at += places.variable;
    for (let field = 0; field < variableFields.length; field++) at += 4 + Math.max(0, buffer.readInt32BE(at));
  }
  return rows;
}

class WindowEvent implements RecordedEvent {
  readonly #buffer: Buffer;
  readonly #at: number;
  readonly #catalogue: EventCatalogue;
  #event: DomainEvent | undefined;

  constructor(buffer: Buffer, at: number, catalogue: EventCatalogue) {
    this.#buffer = buffer;
    this.#at = at;
    this.#catalogue = catalogue;
  }

  get position(): bigint {
    return this.#buffer.readBigInt64BE(this.#at + places.position);
  }

  get version(): number {
    return this.#buffer.readInt32BE(this.#at + places.version);
  }

  get time(): Date {
    return new Date(Number(this.#buffer.readBigInt64BE(this.#at + places.time)) / 1_000 + postgresEpochMs);
  }

  get stream(): string {
    return this.#text('stream') ?? '';
  }

  get id(): string {
    const [from, to] = this.#place('id');
    return formatId(this.#buffer.subarray(from, to));
  }

  get event(): DomainEvent {
    return (this.#event ??= this.#decode());
  }

  get metadata(): EventMetadata {
    const [correlationId, causationId, traceparent] = [this.#text('correlationId'), this.#text('causationId'), this.#text('traceparent')];
    const [from, to] = this.#place('epoch');
    return {
      actor: this.#text('actor') ?? '',
      tenant: this.#text('tenant') ?? '',
      ...(correlationId !== undefined && { correlationId }),
      ...(causationId !== undefined && { causationId }),
      ...(traceparent !== undefined && { traceparent }),
      ...(to > from && { epoch: Number(this.#buffer.readBigInt64BE(from)) }),
    };
  }

  #decode(): DomainEvent {
    const type = this.#text('type') ?? '';
    const schema = this.#buffer.readInt16BE(this.#at + places.schema);
    return { type, data: upcast(this.#catalogue, type, schema, JSON.parse(this.#text('data') ?? 'null') as unknown) };
  }

  #text(field: Field): string | undefined {
    const [from, to] = this.#place(field);
    return to < from ? undefined : this.#buffer.toString('utf8', from, to);
  }

  /** From and to of a field; an end before its beginning for one that is null. */
  #place(field: Field): readonly [from: number, to: number] {
    let at = this.#at + places.variable;
    for (let before = indexOf[field]; before > 0; before--) at += 4 + Math.max(0, this.#buffer.readInt32BE(at));
    return [at + 4, at + 4 + this.#buffer.readInt32BE(at)];
  }
}

/** How far each read model has come: a row that is updated in the transaction that writes its tables. */
import type pg from 'pg';
import { liveSchema, type Definition } from './tables.ts';

export interface Checkpoint {
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly position: bigint;
}

/** "verbena" on a telephone's keys, and two more: who makes tables, and who catches up. */
export const locks = { definition: 83_723_622, catchUp: 83_723_623, replay: 83_723_624 } as const;

const columns = 'name, version, generation, position';

export async function readCheckpoints(client: pg.ClientBase | pg.Pool): Promise<readonly Checkpoint[]> {
  return (await client.query<Checkpoint>(`select ${columns} from read_models order by name`)).rows;
}

/** Locks a model's row until the end of the transaction: nobody else writes its tables. */
export async function lockCheckpoint(client: pg.ClientBase, name: string): Promise<Checkpoint | undefined> {
  return (await client.query<Checkpoint>(`select ${columns} from read_models where name = $1 for update`, [name])).rows[0];
}

/** Makes the tables of models that have none. Several processes may do so at once. */
export async function define(client: pg.ClientBase, definitions: readonly Definition[]): Promise<void> {
  await client.query(`begin isolation level read committed; select pg_advisory_xact_lock(${locks.definition})`);
  try {
    await client.query(`create schema if not exists ${liveSchema}`);
    const known = new Set((await readCheckpoints(client)).map(({ name }) => name));
    for (const definition of definitions.filter(({ name }) => !known.has(name))) {
      await client.query(`drop table if exists ${liveSchema}.${definition.name}`);
      for (const text of [...definition.create(liveSchema), ...definition.indexes(liveSchema)]) await client.query(text);
      await client.query('insert into read_models (name, version, generation, position) values ($1, $2, 1, 0)', [
        definition.name,
        definition.version,
      ]);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/** Rows of the tables of entity models, as they are read. */
import type { EntityModel, EntityRow, KeptEntities } from '@verbena/event-sourcing';
import type pg from 'pg';
import { liveSchema } from './tables.ts';

type Row = Pick<EntityRow, 'id' | 'tenant' | 'status' | 'name' | 'ended' | 'version' | 'position' | 'state'> & {
  job_id: string;
  node_id: string;
  created_at: Date;
  changed_at: Date;
  created_position: bigint;
};

const pageSize = 5_000;
/** For as long a start waits for somebody who writes the rows. */
const patience = '5s';
const lockNotAvailable = '55P03';

/** @param rest what follows the name of the table: conditions, order, limit */
export async function entityRows(
  client: Pick<pg.ClientBase, 'query'>,
  name: string,
  rest: string,
  values: unknown[],
): Promise<readonly EntityRow[]> {
  const text = `select id, tenant, status, name, job_id, node_id, ended, version, created_at, changed_at, created_position, position,
      state::text as state from ${liveSchema}.${name} ${rest}`;
  const found = await client.query<Row>(text, values);
  return found.rows.map(
    ({ job_id: jobId, node_id: nodeId, created_at: created, changed_at: changed, created_position: createdPosition, ...row }) => ({
      ...row,
      jobId,
      nodeId,
      createdAt: created.getTime(),
      changedAt: changed.getTime(),
      createdPosition,
    }),
  );
}

/**
 * All rows of a model as they were at one position: whoever writes them, or puts another table in their place, holds the checkpoint’s row and waits
 * meanwhile.
 * @returns undefined when there is no such model in this version, or it is busy for long
 */
export async function keptEntities(
  pool: Pick<pg.Pool, 'connect'>,
  { name, version }: Pick<EntityModel, 'name' | 'version'>,
): Promise<KeptEntities | undefined> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(`begin isolation level read committed; set local lock_timeout = '${patience}'`);
    const text = 'select version, position from read_models where name = $1 for share';
    const { rows: checkpoints } = await client.query<{ version: number; position: bigint }>(text, [name]);
    const rows: EntityRow[] = [];
    const [checkpoint] = checkpoints;
    for (let after = 0n, more = checkpoint?.version === version; more;) {
      const page = await entityRows(client, name, `where created_position > $1 order by created_position limit ${pageSize}`, [after]);
      for (const row of page) rows.push(row);
      after = rows.at(-1)?.createdPosition ?? after;
      more = page.length === pageSize;
    }
    await client.query('commit');
    return checkpoint?.version === version ? { position: checkpoint.position, rows } : undefined;
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    if ((error as { code?: unknown }).code === lockNotAvailable) return undefined;
    throw error;
  } finally {
    client.release(broken);
  }
}

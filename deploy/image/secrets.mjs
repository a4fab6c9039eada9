/** `verbena-service secrets <directory>`: makes the secrets of a deployment that are missing. VERBENA_NODES names the nodes. */
import { writeSecrets } from '@verbena/service-kit';

const directory = process.argv[3];
if (directory === undefined) {
  console.error('usage: verbena-service secrets <directory>');
  process.exit(64);
}
const nodes = (process.env.VERBENA_NODES ?? 'node-0,node-1,node-2,node-3').split(',').filter((id) => id !== '');
const database = process.env.VERBENA_DATABASE_HOST ?? 'postgres:5432';
const written = await writeSecrets(directory, { nodes, database });
console.log(`written: ${written.join(' ')}`);

/**
 * The entry of the image: `verbena-service <name>` is the process of one service, `verbena-service health` asks the one of this container
 * whether it is ready (or, with "alive", whether it answers), and ends with 0 if it is; `verbena-service secrets <directory>` makes the secrets
 * of a deployment.
 */
const services = {
  'frontend-gateway': () => import('./frontend-gateway.js'),
  scheduler: () => import('./scheduler.js'),
  'image-manager': () => import('./image-manager.js'),
  storage: () => import('./storage.js'),
  'node-agent': () => import('./node-agent.js'),
  'migration-controller': () => import('./migration-controller.js'),
};

async function health(what = 'ready') {
  const port = /\d+$/.exec(process.env.VERBENA_HEALTH_LISTEN ?? '')?.[0];
  if (port === undefined) throw new Error('VERBENA_HEALTH_LISTEN is not set, so there is no health endpoint');
  const response = await fetch(`http://127.0.0.1:${port}/${what === 'alive' ? 'healthz' : 'readyz'}`, {
    signal: AbortSignal.timeout(4_000),
  });
  console.log((await response.text()).trim());
  return response.ok ? 0 : 1;
}

const [name, ...words] = process.argv.slice(2);
if (name === 'health') {
  process.exit(
    await health(...words).catch((error) => {
      console.error(`no answer: ${error.cause?.message ?? error.message}`);
      return 1;
    }),
  );
} else if (Object.hasOwn(services, name ?? '')) {
  process.title = `verbena ${name}`;
  await services[name]();
} else if (name === 'secrets') {
  await import('./secrets.js');
} else {
  console.error(`usage: verbena-service (${[...Object.keys(services), 'health [alive]', 'secrets <directory>'].join(' | ')})`);
  process.exit(64);
}

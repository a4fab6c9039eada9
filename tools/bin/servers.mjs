/**
 * What the tests need beside npm: a container engine for testcontainers with images of Postgres and NATS, and nats-server itself. With CI=true
 * missing packages are installed and the engine is started, where that is possible; where none can run, the tests use servers from packages.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { installPackages, programIn, programs } from '../images/debian.mjs';

const engineMs = 30_000;

function dockerAnswers() {
  const docker = programIn(programs.docker.paths);
  return docker !== undefined && spawnSync(docker, ['info'], { stdio: 'ignore', timeout: 10_000 }).status === 0;
}

/** Installs what is missing, as far as we may. Debian's package of Postgres must not start a server of its own. */
function installMissing(names) {
  const missing = names.filter((name) => programIn(programs[name].paths) === undefined).map((name) => programs[name].package);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0 || programIn(['/usr/bin/apt-get']) === undefined) return;
  console.log(`installing ${missing.join(', ')}`);
  try {
    installPackages(missing);
  } catch (error) {
    console.log(`could not install them: ${error.message}`);
  }
}

/** Starts a container engine of our own; undefined when it cannot run here. */
async function startEngine() {
  const dockerd = programIn(programs.dockerd.paths);
  if (dockerd === undefined || process.getuid?.() !== 0) return undefined;
  for (const flags of [[], ['--storage-driver=vfs'], ['--storage-driver=vfs', '--iptables=false', '--bridge=none']]) {
    const directory = mkdtempSync(join(tmpdir(), 'verbena-dockerd-'));
    const output = openSync(join(directory, 'log'), 'w');
    const child = spawn(dockerd, flags, { stdio: ['ignore', output, output], detached: true });
    closeSync(output);
    let ended = false;
    child.once('exit', () => (ended = true));
    child.once('error', () => (ended = true));
    for (const end = performance.now() + engineMs; !ended && performance.now() < end;) {
      if (dockerAnswers()) {
        child.unref();
        return {
          stop: () => {
            process.kill(child.pid, 'SIGTERM');
            rmSync(directory, { recursive: true, force: true });
          },
        };
      }
      await delay(200);
    }
    if (!ended) child.kill('SIGKILL');
    const said = readFileSync(join(directory, 'log'), 'utf8').trim().split('\n').at(-1);
    console.log(`the container engine does not run with ${flags.join(' ') || 'its defaults'}: ${said}`);
    rmSync(directory, { recursive: true, force: true });
  }
  return undefined;
}

/** Images by name: those that the environment names or that are public, where a registry can be reached, else small ones made here. */
async function imagesForTests(install) {
  const { buildLocalImages, canHave, localImages } = await import('../images/build.mjs');
  const wanted = { VERBENA_TEST_POSTGRES_IMAGE: ['postgres', 'postgres:16-alpine'], VERBENA_TEST_NATS_IMAGE: ['nats', 'nats:2-alpine'] };
  const found = {};
  let registry = true;
  for (const [variable, [name, published]] of Object.entries(wanted)) {
    if (process.env[variable]) continue;
    registry &&= canHave(published);
    if (registry) found[variable] = published;
    else {
      await buildLocalImages([name], { install });
      found[variable] = localImages[name];
    }
  }
  return found;
}

/**
 * Makes servers possible.
 * @returns variables for the tests, and a function that ends what was started here
 */
export async function prepareServers() {
  const ci = process.env.CI === 'true';
  const asked = process.env.VERBENA_TEST_SERVERS;
  if (ci) installMissing(asked === 'packages' ? ['nats'] : ['nats', 'dockerd', 'compose', 'postgres', 'busybox']);
  if (asked === 'packages') return { environment: {}, stop: () => undefined };
  const engine = dockerAnswers() ? { stop: () => undefined } : ci ? await startEngine() : undefined;
  if (engine === undefined) {
    console.log('no container engine: the tests use servers from packages');
    return { environment: { VERBENA_TEST_SERVERS: 'packages' }, stop: () => undefined };
  }
  try {
    return { environment: await imagesForTests(ci), stop: engine.stop };
  } catch (error) {
    console.log(`no images for containers (${error.message}): the tests use servers from packages`);
    return { environment: { VERBENA_TEST_SERVERS: 'packages' }, stop: engine.stop };
  }
}

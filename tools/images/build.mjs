/**
 * Builds the images: node tools/images/build.mjs [verbena] [nats] [postgres] [--local]
 * With a registry within reach, verbena is built by its Dockerfile, and the servers are the public images, pulled. With --local, or where the
 * registry cannot be reached, all are built FROM scratch out of this machine's programs (Debian's packages, and Node from npm).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programNamed } from './debian.mjs';
import { Rootfs } from './rootfs.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dockerfiles = join(root, 'deploy/image/local');

/** Names of the images that are built here. */
export const localImages = {
  node: 'verbena-node:local',
  verbena: process.env.VERBENA_IMAGE || 'verbena:latest',
  nats: 'verbena-nats:local',
  postgres: 'verbena-postgres:local',
};

/** Runs a command of docker; its output is shown when it fails. */
function docker(args) {
  const { status, stdout, stderr, error } = spawnSync(programNamed('docker'), args, { encoding: 'utf8', maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`docker ${args[0]} failed: ${error?.message ?? `${stdout}\n${stderr}`.trim()}`);
  return stdout;
}

/** Builds an image from a directory that `fill` fills. */
function build(image, dockerfile, fill, args = []) {
  const context = mkdtempSync(join(tmpdir(), 'verbena-image-'));
  try {
    fill(context);
    docker(['build', '--quiet', '-f', join(dockerfiles, dockerfile), '-t', image, ...args, context]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

function rootfs(context) {
  const directory = join(context, 'rootfs');
  mkdirSync(directory);
  return new Rootfs(directory);
}

const builders = {
  node: () =>
    build(localImages.node, 'node.Dockerfile', (context) => {
      rootfs(context).program(process.execPath, '/usr/local/bin/node');
    }),
  async verbena() {
    await builders.node();
    const { bundleServices } = await import('../bundle/services.mjs');
    const bundle = mkdtempSync(join(tmpdir(), 'verbena-bundle-'));
    try {
      await bundleServices(bundle);
      const fill = (context) => {
        cpSync(bundle, join(context, 'bundle'), { recursive: true });
        cpSync(join(root, 'deploy/image/data'), join(context, 'data'), { recursive: true });
      };
      build(localImages.verbena, 'verbena.Dockerfile', fill, ['--build-arg', `NODE_IMAGE=${localImages.node}`]);
    } finally {
      rmSync(bundle, { recursive: true, force: true });
    }
  },
  nats: ({ install }) =>
    build(localImages.nats, 'nats.Dockerfile', (context) => {
      const files = rootfs(context);
      files.program(programNamed('nats', { install }), '/usr/local/bin/nats-server');
      busybox(files, ['sh', 'wget'], install);
    }),
  postgres: ({ install }) =>
    build(localImages.postgres, 'postgres.Dockerfile', (context) => {
      const files = rootfs(context);
      const home = dirname(dirname(programNamed('postgres', { install })));
      const wanted = ['postgres', 'initdb', 'pg_isready', 'psql', 'pg_dump', 'pg_restore'];
      files.tree(join(home, 'bin'), join(home, 'bin'), (file) => wanted.includes(file));
      files.tree(join(home, 'lib'), join(home, 'lib'), (file) => file.endsWith('.so') && !/perl|python|llvm|tcl/.test(file));
      const version = home.split('/').at(-1);
      files.tree(`/usr/share/postgresql/${version}`, `/usr/share/postgresql/${version}`, (file) => !/^man\//.test(file));
      files.file('/usr/share/zoneinfo/UTC');
      files.link(join(home, 'bin'), '/usr/lib/postgresql/bin');
      files.file(join(dockerfiles, 'postgres-entrypoint.sh'), '/usr/local/bin/entrypoint.sh');
      busybox(files, ['sh', 'cat', 'rm', 'mv', 'mkdir', 'echo'], install);
      cpSync(join(root, 'deploy/image/data'), join(context, 'data'), { recursive: true });
    }),
};

function busybox(files, applets, install) {
  files.program(programNamed('busybox', { install }), '/bin/busybox');
  for (const applet of applets) files.link('busybox', `/bin/${applet}`);
}

/**
 * Builds images from this machine's programs.
 * @param {readonly ('node' | 'verbena' | 'nats' | 'postgres')[]} names
 * @param {{ install?: boolean, fresh?: boolean }} options install: packages that are missing; fresh: also what is there already
 */
export async function buildLocalImages(names, { install = false, fresh = false } = {}) {
  for (const name of names) {
    if (!fresh && name !== 'verbena' && docker(['images', '-q', localImages[name]]).trim() !== '') continue;
    await builders[name]({ install });
  }
}

/** Whether an image is here, or can be pulled. A registry that does not answer at once counts as out of reach. */
export function canHave(image) {
  if (docker(['images', '-q', image]).trim() !== '') return true;
  const run = (args, timeout) => spawnSync(programNamed('docker'), args, { stdio: 'ignore', timeout }).status === 0;
  return run(['manifest', 'inspect', image], 15_000) && run(['pull', '--quiet', image], 300_000);
}

if (import.meta.main) {
  const words = process.argv.slice(2);
  const names = words.filter((word) => !word.startsWith('--'));
  const wanted = names.length > 0 ? names : ['verbena', 'nats', 'postgres'];
  const unknown = wanted.filter((name) => !(name in builders));
  if (unknown.length > 0) throw new Error(`there is no image ${unknown.join(', ')}; there are ${Object.keys(builders).join(', ')}`);
  const nodeImage = process.env.NODE_IMAGE || 'node:24-bookworm-slim';
  if (!words.includes('--local') && canHave(nodeImage)) {
    const args = ['build', '-f', 'deploy/image/Dockerfile', '--build-arg', `NODE_IMAGE=${nodeImage}`, '-t', localImages.verbena, '.'];
    execFileSync(programNamed('docker'), args, { cwd: root, stdio: 'inherit' });
  } else {
    await buildLocalImages(wanted, { install: words.includes('--install'), fresh: true });
    for (const name of wanted) console.log(docker(['images', '--format', '{{.Repository}}:{{.Tag}}  {{.Size}}', localImages[name]]).trim());
  }
  process.exit(0);
}

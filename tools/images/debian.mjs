/** What comes from Debian's packages: found where it is installed, and installed where we may and are asked to. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The first of the paths that can be executed; a directory's newest version stands for "*". */
export function programIn(candidates) {
  for (const candidate of candidates.flatMap(expand)) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // The next one, then.
    }
  }
  return undefined;
}

function expand(path) {
  const [before, after] = path.split('/*/');
  if (after === undefined) return [path];
  try {
    return readdirSync(before)
      .sort((a, b) => Number(b) - Number(a))
      .map((version) => join(before, version, after));
  } catch {
    return [];
  }
}

export const programs = {
  nats: { package: 'nats-server', paths: ['/usr/sbin/nats-server', '/usr/bin/nats-server', '/usr/local/bin/nats-server'] },
  postgres: { package: 'postgresql', paths: ['/usr/lib/postgresql/*/bin/postgres'] },
  busybox: { package: 'busybox-static', paths: ['/bin/busybox', '/usr/bin/busybox'] },
  dockerd: { package: 'docker.io', paths: ['/usr/sbin/dockerd', '/usr/bin/dockerd', '/usr/local/bin/dockerd'] },
  docker: { package: 'docker.io', paths: ['/usr/bin/docker', '/usr/local/bin/docker'] },
  compose: { package: 'docker-compose', paths: ['/usr/bin/docker-compose', '/usr/local/bin/docker-compose'] },
};

/**
 * The path of a program.
 * @param {keyof typeof programs} name
 * @param {{ install?: boolean }} options install: by apt-get, where we are root on a Debian and it is missing
 * @throws {Error} naming the package
 */
export function programNamed(name, { install = false } = {}) {
  const { paths, package: packageName } = programs[name];
  const found = programIn(paths);
  if (found !== undefined) return found;
  if (install && process.getuid?.() === 0 && programIn(['/usr/bin/apt-get']) !== undefined) {
    installPackages([packageName]);
    const installed = programIn(paths);
    if (installed !== undefined) return installed;
  }
  throw new Error(`${name} is not installed: "apt-get install ${packageName}" on Debian and Ubuntu`);
}

export function installPackages(names) {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => execFileSync('apt-get', ['-qq', ...args], { env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    apt('install', '-y', '--no-install-recommends', ...names);
  } catch {
    // The lists of packages may be missing or old.
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...names);
  }
}

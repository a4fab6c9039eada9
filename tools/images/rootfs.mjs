/** The root of a small image, put together from this machine's programs: each with the libraries that the dynamic linker would load for it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Paths of the libraries of a program, the dynamic linker among them, as ldd(1) lists them; none for one that is static. */
export function librariesOf(file) {
  try {
    const text = execFileSync('ldd', [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return [...text.matchAll(/(?:=> |^\s*)(\/\S+) \(0x/gm)].map(([, path]) => path);
  } catch {
    return [];
  }
}

export class Rootfs {
  /** @param {string} directory an empty directory */
  constructor(directory) {
    this.directory = directory;
    // Whatever the container's user: a place for temporary files, names for the users, and DNS.
    mkdirSync(join(directory, 'tmp'), { recursive: true });
    chmodSync(join(directory, 'tmp'), 0o1777);
    this.write(
      '/etc/passwd',
      'root:x:0:0:root:/:/sbin/nologin\npostgres:x:999:999::/:/sbin/nologin\nverbena:x:10001:10001::/:/sbin/nologin\n',
    );
    this.write('/etc/group', 'root:x:0:\npostgres:x:999:\nverbena:x:10001:\n');
    this.write('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n');
  }

  write(path, text, mode = 0o644) {
    const target = join(this.directory, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, text, { mode });
  }

  /** A file, what links point to in their place, under its own or another path. */
  file(source, path = source) {
    const target = join(this.directory, path);
    if (existsSync(target)) return;
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(source, target);
  }

  /** A program with its libraries. */
  program(source, path = source) {
    this.file(source, path);
    chmodSync(join(this.directory, path), 0o755);
    for (const library of librariesOf(source)) this.file(library);
  }

  /** Everything below a directory; what is a program or a library brings its libraries along. */
  tree(source, path = source, wanted = () => true) {
    for (const entry of readdirSync(source, { withFileTypes: true, recursive: true })) {
      const from = join(entry.parentPath, entry.name);
      if (!entry.isFile() && !entry.isSymbolicLink()) continue;
      const inside = from.slice(source.length + 1);
      if (!wanted(inside)) continue;
      if (isElf(from)) this.program(from, join(path, inside));
      else this.file(from, join(path, inside));
    }
  }

  link(target, path) {
    mkdirSync(dirname(join(this.directory, path)), { recursive: true });
    symlinkSync(target, join(this.directory, path));
  }
}

function isElf(file) {
  return readFileSync(file).subarray(0, 4).toString('latin1') === '\x7fELF';
}

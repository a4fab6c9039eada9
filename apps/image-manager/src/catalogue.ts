/** The images of the cluster, folded from their streams: found by name, version or digest, and by who may see them. */
import {
  imageDecider,
  readImageRef,
  sameContent,
  type ImageCommand,
  type ImageEvent,
  type ImageRef,
  type ImageRefusal,
  type ImageState,
  type StoredVersion,
} from '@verbena/domain-image';
import { defaultTenant } from '@verbena/domain-identity';
import {
  handle,
  runProjection,
  type CommandHandler,
  type EventMetadata,
  type EventStore,
  type ProjectionRunner,
} from '@verbena/event-sourcing';

export interface Viewer {
  readonly actor: string;
  readonly tenant: string;
  readonly roles: readonly string[];
}

/** A version, and the tenant that it belongs to: each has names of its own. */
export interface HeldVersion extends StoredVersion {
  readonly tenant: string;
}

export type Registration =
  | { readonly ok: true; readonly version: StoredVersion; readonly created: boolean }
  | { readonly ok: false; readonly reason: ImageRefusal | 'version-conflict' | 'stale-epoch'; readonly detail: string };

export type Lookup =
  | { readonly ok: true; readonly version: StoredVersion }
  | { readonly ok: false; readonly reason: 'not-found' | 'ambiguous'; readonly detail: string };

/** The image of a name in a tenant: names in different tenants have nothing to do with each other. */
function streamOf({ tenant, name }: { tenant: string; name: string }): string {
  return tenant === defaultTenant ? `image-${name}` : `image-${tenant}/${name}`;
}

export class Catalogue {
  readonly #handler: CommandHandler<{ tenant: string; name: string }, ImageCommand, ImageEvent, ImageState, ImageRefusal>;
  readonly #runner: ProjectionRunner<HeldVersion[]>;

  private constructor(store: EventStore, runner: ProjectionRunner<HeldVersion[]>) {
    this.#handler = handle(store, imageDecider, streamOf);
    this.#runner = runner;
  }

  static async open(store: EventStore): Promise<Catalogue> {
    const runner = await runProjection<HeldVersion[]>(store, {
      name: 'image-catalogue',
      initial: [],
      filter: { stream: 'image-*', types: ['ImageRegistered'] },
      evolve(versions, { event, metadata: { tenant } }) {
        const { at, ...version } = (event as ImageEvent).data;
        versions.push({ ...version, createdAt: at, tenant });
        return versions;
      },
    });
    return new Catalogue(store, runner);
  }

  /** Resolves when the version can be found. The same content of the same owner gives the version that it has. */
  async register(command: ImageCommand, metadata: EventMetadata): Promise<Registration> {
    const result = await this.#handler.execute({ tenant: metadata.tenant, name: command.data.name }, command, { metadata });
    if (!result.ok) return result;
    await this.#runner.reached(result.recorded.at(-1)?.position ?? 0n);
    const version = sameContent(result.state, command.data);
    if (version === undefined) throw new Error(`image ${command.data.name} was registered and is not there`);
    return { ok: true, version, created: result.events.length > 0 };
  }

  /** Newest first. */
  visible(viewer: Viewer): readonly HeldVersion[] {
    return this.#runner.state.filter((version) => maySee(viewer, version)).reverse();
  }

  /** What a reference means to a viewer: the newest version of a name, that version, or the one image whose digest begins so. */
  find(ref: string, viewer: Viewer): Lookup {
    const visible = this.visible(viewer);
    let readings: readonly ImageRef[];
    try {
      readings = readImageRef(ref);
    } catch (error) {
      return { ok: false, reason: 'not-found', detail: error instanceof Error ? error.message : String(error) };
    }
    for (const reading of readings) {
      const found = visible.filter((version) => means(reading, version));
      // A name means the tenant's own image before one that another tenant shows to all.
      const first = found.find(({ tenant }) => tenant === viewer.tenant) ?? found[0];
      if (first === undefined) continue;
      const others = new Set(found.map(({ digest }) => digest)).size;
      if (reading.kind === 'digest' && others > 1) {
        return {
          ok: false,
          reason: 'ambiguous',
          detail: `${others} images have a digest that begins with ${reading.prefix}: give more digits`,
        };
      }
      return { ok: true, version: first };
    }
    return { ok: false, reason: 'not-found', detail: `there is no image ${JSON.stringify(ref)}${near(ref, visible)}` };
  }

  byDigest(digest: string): StoredVersion | undefined {
    return this.#runner.state.findLast((version) => version.digest === digest);
  }

  stop(): Promise<void> {
    return this.#runner.stop();
  }
}

export function maySee({ actor, tenant, roles }: Viewer, version: HeldVersion): boolean {
  return version.public || (version.tenant === tenant && version.owner === actor) || roles.includes('admin');
}

function means(ref: ImageRef, { name, version, digest }: StoredVersion): boolean {
  switch (ref.kind) {
    case 'name':
      return name === ref.name;
    case 'version':
      return name === ref.name && version === ref.version;
    case 'digest':
      return digest.startsWith(ref.prefix);
    default:
      return ref satisfies never;
  }
}

/** Versions that there are, when only the version was wrong. */
function near(ref: string, visible: readonly StoredVersion[]): string {
  const name = ref.split(':', 1)[0];
  const versions = visible.filter((version) => version.name === name).map(({ version }) => version);
  return versions.length === 0 ? '' : `; ${name} has the versions ${versions.slice(0, 10).reverse().join(', ')}`;
}

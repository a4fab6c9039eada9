/** An image manager that knows one image, and which nodes have it. */
import { Code, ConnectError } from '@connectrpc/connect';
import { imagev1 } from '@verbena/contracts';
import { buildImage } from '@verbena/guest-image';
import { callContext, type Bus, type Served } from '@verbena/messaging';
import { serveSome } from './serve-some.ts';

const image = buildImage({
  wasm: new Uint8Array(1000).fill(7),
  libraries: { mpi: '3.1' },
  memory: { minimumBytes: 1 << 20, defaultBytes: 16 << 20 },
  asyncify: null,
});

export class FakeImages {
  readonly digest: string = image.digest;
  readonly holders = new Set<string>();
  readonly distributions: { readonly nodes: readonly string[]; readonly bytes: number }[] = [];
  distributionError: string | undefined;
  /** While set, a distribution waits for it after its first message. */
  gate: Promise<void> | undefined;
  /** While set, nobody is told which image matches. */
  away = false;
  /** For whom a match was last asked. */
  askedFor: { readonly actor: string; readonly tenant: string; readonly roles: readonly string[] } | undefined;

  async serve(bus: Bus): Promise<Served> {
    return serveSome(bus, imagev1.ImageService, {
      matchImage: ({ ref }) => {
        if (this.away) throw new ConnectError('not now', Code.Unavailable);
        const { actor, tenant, roles } = callContext();
        this.askedFor = { actor, tenant, roles };
        if (ref !== 'hello') throw new ConnectError(`there is no image ${JSON.stringify(ref)}`, Code.NotFound);
        return { image: { digest: this.digest, name: 'hello', version: 1, sizeBytes: 1000n, manifest: image.manifestBytes } };
      },
      distribute: (request) => this.#distribute(request),
    });
  }

  async *#distribute({ nodeIds }: imagev1.DistributeRequest) {
    const lacking = nodeIds.filter((id) => !this.holders.has(id));
    const total = lacking.length * 1000;
    yield { distributionId: 'dist-1', progress: { nodesTotal: nodeIds.length, bytesTotal: BigInt(total) } };
    await this.gate;
    if (this.distributionError !== undefined) throw new ConnectError(this.distributionError, Code.Aborted);
    for (const id of lacking) this.holders.add(id);
    this.distributions.push({ nodes: lacking, bytes: total });
    const receipts = nodeIds.map((nodeId) => ({ nodeId, bytesReceived: lacking.includes(nodeId) ? 1000n : 0n }));
    yield {
      distributionId: 'dist-1',
      rounds: 1,
      receipts,
      progress: { nodesDone: nodeIds.length, nodesTotal: nodeIds.length, bytesDone: BigInt(total), bytesTotal: BigInt(total) },
      done: true,
    };
  }
}

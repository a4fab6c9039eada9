/** Jobs per second, against Slurm as it comes and Slurm as somebody sets it up who has many short jobs. */
import type { Figure, Side } from './figure.ts';
import { startNoopCluster, type JobLoad, type NoopCluster } from './job-throughput.ts';
import { slurmInstalled, startSlurm, type Slurm, type slurmProfiles } from './slurm.ts';

export interface JobFigures {
  readonly figures: readonly Figure[];
  close(): Promise<void>;
}

/** As many as each side needs some seconds for. */
const loads = { ours: { jobs: 400, clients: 8 }, plain: { jobs: 48, clients: 8 }, tuned: { jobs: 400, clients: 8 } } as const;

export async function jobFigures(): Promise<JobFigures> {
  const installed = await slurmInstalled();
  let ours: Promise<NoopCluster> | undefined;
  let peer: { readonly profile: keyof typeof slurmProfiles; readonly slurm: Promise<Slurm> } | undefined;
  const closePeer = async (): Promise<void> => {
    await (await peer?.slurm)?.close();
    peer = undefined;
  };
  const rate = async (side: { measure: NoopCluster['measure'] }, load: JobLoad): Promise<number> =>
    (await side.measure(load)).completedPerSecond;
  const verbena: Side = { name: 'verbena', measure: async () => rate(await (ours ??= startNoopCluster()), loads.ours) };
  const slurm = (profile: keyof typeof slurmProfiles): Side => ({
    name: 'slurm',
    measure: installed
      ? async () => {
          if (peer?.profile !== profile) await closePeer();
          peer ??= { profile, slurm: startSlurm(profile) };
          return rate(await peer.slurm, loads[profile]);
        }
      : undefined,
    missing: 'Slurm is not installed (Debian: apt-get install slurm-wlm)',
  });
  const figure = (name: string, profile: keyof typeof slurmProfiles): Figure => ({
    name,
    unit: 'jobs/s',
    ours: verbena,
    peer: slurm(profile),
    smallerIsBetter: false,
    floor: 1,
    aim: 10,
    rounds: 2,
  });
  return {
    figures: [figure('no-op jobs, submit to completed, Slurm', 'plain'), figure('no-op jobs, submit to completed, Slurm tuned', 'tuned')],
    async close() {
      await closePeer();
      await (await ours)?.close();
    },
  };
}

/** The gateway's own service: what the cluster is and how it fares, put together from what the other services say. */
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { type clusterv1, eventv1, jobv1, nodev1, vmv1 } from '@verbena/contracts';
import type { Bus } from '@verbena/messaging';
import type { RunningService } from '@verbena/service-kit';
import { onBehalf } from './forwarder.ts';

export interface ClusterFacts {
  readonly version: string;
  readonly startedAt: Date;
  readonly dataDirectory: string;
  /** The services whose readiness is shown. */
  services(): readonly RunningService[];
}

const pageSize = 500;

/** Follows page tokens to the end; a bound on pages keeps a broken server from holding the caller for ever. */
export async function allPages<T>(page: (token: string) => Promise<{ items: readonly T[]; next: string }>, maxPages = 1000): Promise<T[]> {
  const items: T[] = [];
  let token = '';
  for (let index = 0; index < maxPages; index++) {
    const answer = await page(token);
    items.push(...answer.items);
    token = answer.next;
    if (token === '') break;
  }
  return items;
}

async function readiness(service: RunningService): Promise<{ name: string; ready: boolean; detail: string }> {
  try {
    const reason = await service.notReady();
    return { name: service.name, ready: reason === undefined, detail: reason ?? '' };
  } catch (error) {
    return { name: service.name, ready: false, detail: ConnectError.from(error).rawMessage };
  }
}

export function clusterService(bus: Bus, facts: ClusterFacts): ServiceImpl<typeof clusterv1.ClusterService> {
  const jobs = bus.client(jobv1.JobService);
  const nodes = bus.client(nodev1.NodeService);
  const vms = bus.client(vmv1.VmService);
  const events = bus.client(eventv1.EventService);
  const { QUEUED, DISTRIBUTING, BOOTING, RUNNING } = jobv1.JobState;

  return {
    async getStatus(_request, context) {
      // On behalf of the caller: jobs and VMs of other tenants are not counted.
      const options = onBehalf(context);
      const [services, nodeList, jobList, vmList, newest] = await Promise.all([
        Promise.all(facts.services().map(readiness)),
        allPages(async (pageToken) => {
          const answer = await nodes.listNodes({ pageSize, pageToken }, options);
          return { items: answer.nodes, next: answer.nextPageToken };
        }),
        allPages(async (pageToken) => {
          const answer = await jobs.listJobs({ states: [QUEUED, DISTRIBUTING, BOOTING, RUNNING], pageSize, pageToken }, options);
          return { items: answer.jobs, next: answer.nextPageToken };
        }),
        allPages(async (pageToken) => {
          const answer = await vms.listVms({ pageSize, pageToken }, options);
          return { items: answer.vms, next: answer.nextPageToken };
        }),
        events.listEvents({ descending: true, pageSize: 1 }, options),
      ]);
      const queued = jobList.filter((job) => job.state === QUEUED).length;
      return {
        version: facts.version,
        startedAt: timestampFromDate(facts.startedAt),
        services,
        nodes: nodeList.length,
        cores: nodeList.reduce((sum, node) => sum + node.cores, 0),
        coresUsed: nodeList.reduce((sum, node) => sum + node.coresUsed, 0),
        jobsQueued: queued,
        jobsRunning: jobList.length - queued,
        vms: vmList.length,
        events: newest.events[0]?.position ?? 0n,
        dataDirectory: facts.dataDirectory,
      };
    },
  };
}

/** Which VMs should run elsewhere: so that hosts have equal loads, or so that few hosts have all of it. Pure; the scheduler has the last word on room. */
export interface Host {
  readonly id: string;
  readonly cores: number;
  /** Bytes that are not taken. */
  readonly freeMemoryBytes: number;
}

export interface HostedVm {
  readonly id: string;
  readonly hostId: string;
  readonly vcpus: number;
  readonly memoryBytes: number;
}

export interface PlannedMove {
  readonly vmId: string;
  readonly from: string;
  readonly to: string;
}

interface Place {
  readonly host: Host;
  vms: HostedVm[];
  freeMemoryBytes: number;
}

const used = ({ vms }: Place): number => vms.reduce((sum, { vcpus }) => sum + vcpus, 0);
const load = (place: Place): number => used(place) / place.host.cores;
const fits = (place: Place, vm: HostedVm): boolean => used(place) + vm.vcpus <= place.host.cores && vm.memoryBytes <= place.freeMemoryBytes;

/** VMs of other hosts stand still. */
function placesOf(hosts: readonly Host[], vms: readonly HostedVm[]): Place[] {
  return hosts.map((host) => ({ host, vms: vms.filter(({ hostId }) => hostId === host.id), freeMemoryBytes: host.freeMemoryBytes }));
}

function put(vm: HostedVm, from: Place, to: Place): PlannedMove {
  from.vms = from.vms.filter((each) => each !== vm);
  from.freeMemoryBytes += vm.memoryBytes;
  to.vms = [...to.vms, vm];
  to.freeMemoryBytes -= vm.memoryBytes;
  return { vmId: vm.id, from: from.host.id, to: to.host.id };
}

/** Moves from the fullest host to the emptiest, as long as that makes the fuller of the two emptier. No VM moves twice. */
export function planBalance(hosts: readonly Host[], vms: readonly HostedVm[]): PlannedMove[] {
  const places = placesOf(hosts, vms);
  const moves: PlannedMove[] = [];
  for (;;) {
    const move = nextBalancing(places, new Set(moves.map(({ vmId }) => vmId)));
    if (move === undefined) return moves;
    moves.push(move);
  }
}

function nextBalancing(places: readonly Place[], moved: ReadonlySet<string>): PlannedMove | undefined {
  const byLoad = [...places].sort((a, b) => load(b) - load(a) || a.host.id.localeCompare(b.host.id));
  for (const from of byLoad)
    for (const to of byLoad.toReversed()) {
      const better = (vm: HostedVm): boolean => (used(to) + vm.vcpus) / to.host.cores < load(from);
      const vm = from === to ? undefined : from.vms.find((each) => !moved.has(each.id) && fits(to, each) && better(each));
      if (vm !== undefined) return put(vm, from, to);
    }
  return undefined;
}

/** Empties hosts, the emptiest first, where all of a host's VMs find room on hosts that run something already. No VM moves twice. */
export function planConsolidation(hosts: readonly Host[], vms: readonly HostedVm[]): PlannedMove[] {
  let places = placesOf(hosts, vms).filter((place) => place.vms.length > 0);
  const moves: PlannedMove[] = [];
  for (const leaving of [...places].sort((a, b) => used(a) - used(b) || a.host.id.localeCompare(b.host.id))) {
    // A host that has taken a VM keeps it.
    if (moves.some(({ to }) => to === leaving.host.id)) continue;
    const others = places.filter((place) => place !== leaving).map((place) => ({ ...place }));
    const source = { ...leaving };
    const emptied: PlannedMove[] = [];
    for (const vm of leaving.vms) {
      const [to] = others.filter((place) => fits(place, vm)).sort((a, b) => load(b) - load(a) || a.host.id.localeCompare(b.host.id));
      if (to === undefined) break;
      emptied.push(put(vm, source, to));
    }
    if (emptied.length < leaving.vms.length) continue;
    moves.push(...emptied);
    places = others;
  }
  return moves;
}

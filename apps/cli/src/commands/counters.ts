/** verbena node counters: what the adapter of a host has counted, as perfquery tells it. */
import { nodev1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';

/** Names of InfiniBand (volume 1, section 16.1.3.5). */
const names: readonly (readonly [string, keyof nodev1.PortCounters & `port${string}`])[] = [
  ['PortXmitData', 'portXmitData'],
  ['PortRcvData', 'portRcvData'],
  ['PortXmitPkts', 'portXmitPkts'],
  ['PortRcvPkts', 'portRcvPkts'],
  ['PortRcvErrors', 'portRcvErrors'],
  ['PortXmitWait', 'portXmitWait'],
  ['PortXmitDiscards', 'portXmitDiscards'],
];
const nameColumn = 24;

/** "PortXmitData:...........1234", in the manner of perfquery. */
export function counterLines(counters: nodev1.PortCounters | undefined): string[] {
  return counters === undefined ? [] : names.map(([name, key]) => `${`${name}:`.padEnd(nameColumn, '.')}${String(counters[key])}`);
}

/** The port's, and those of each of its VMs or of one. Data counters are in units of 4 bytes. */
export async function counters(context: CommandContext, id: string, vm: string | undefined): Promise<void> {
  const { counters: told } = await (await context.session()).client(nodev1.NodeService).getCounters({ id });
  if (told === undefined) return;
  if (context.json) return context.printJson(nodev1.AdapterCountersSchema, told);
  const block = async (title: string, lines: readonly string[]): Promise<void> => {
    for (const line of [`# ${title}`, ...lines]) await context.line(line);
  };
  if (vm === undefined) await block(`Port counters: ${id}, LID ${String(told.lid)}, GUID ${told.portGuid}`, counterLines(told.port));
  const chosen = told.vms.filter(({ vmId }) => vm === undefined || vmId === vm);
  for (const { vmId, virtualFunction, counters: own } of chosen)
    await block(virtualFunction === undefined ? vmId : `${vmId}, virtual function ${String(virtualFunction)}`, counterLines(own));
  if (vm !== undefined && chosen.length === 0) await context.line(`${vm} has no place at the adapter of ${id} at the moment.`);
}

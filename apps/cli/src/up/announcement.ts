/** What verbena up says when the cluster is ready, in the foreground and with -d. */
import { jsonText } from '../terminal/json.ts';

export interface Ready {
  readonly url: string;
  readonly pid: number;
  readonly dataDir: string;
  readonly hosts: number;
  readonly cores: number;
}

export function announcement({ url, pid, dataDir, hosts, cores }: Ready, json: boolean): string {
  if (json) return jsonText({ url, pid, dataDirectory: dataDir });
  const lines = [
    `Verbena is ready: ${hosts} hosts with ${cores} cores each`,
    `  endpoint  ${url} (process ${pid})`,
    `  data      ${dataDir}`,
    `  try       verbena run -n ${Math.min(8, hosts * cores)} examples/hello.c`,
  ];
  return `${lines.join('\n')}\n`;
}

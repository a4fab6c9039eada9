import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mirrorOf, probe } from '@verbena/guest-abi/testing';
import * as layout from './layout.ts';

const source = readFileSync(new URL('../firmware/layout.h', import.meta.url), 'utf8');
const structs = [
  layout.header,
  layout.domain,
  layout.pd,
  layout.mr,
  layout.cq,
  layout.qp,
  layout.thread,
  layout.linkKeys,
  layout.link,
  layout.srq,
  layout.port,
  layout.group,
];
const exported: readonly (readonly [string, unknown])[] = Object.entries(layout);
const constants = Object.fromEntries(exported.filter(([, value]) => typeof value === 'number'));

describe("the mirror of the firmware's layout", () => {
  it('has every offset, size and constant as a C compiler sees them', async () => {
    const found = await probe({
      files: { 'layout.h': source },
      include: ['.'],
      headers: ['layout.h'],
      structs,
      constants: Object.keys(constants),
    });
    expect(mirrorOf(structs)).toEqual(found.layout);
    expect(constants).toEqual(found.constants);
  }, 120_000);

  it('has tables that do not overlap', () => {
    const tables = [
      [layout.VBF_HEADER_ADDR, layout.header.size],
      [layout.VBF_DOMAIN_ADDR, layout.VBF_DOMAINS * layout.domain.size],
      [layout.VBF_PD_ADDR, layout.VBF_PDS * layout.pd.size],
      [layout.VBF_PORT_ADDR, layout.VBF_PORTS * layout.port.size],
      [layout.VBF_SRQ_ADDR, layout.VBF_SRQS * layout.srq.size],
      [layout.VBF_CQ_ADDR, layout.VBF_CQS * layout.cq.size],
      [layout.VBF_MR_ADDR, layout.VBF_MRS * layout.mr.size],
      [layout.VBF_QP_ADDR, layout.VBF_QPS * layout.qp.size],
      [layout.VBF_THREAD_ADDR, layout.VBF_THREADS * layout.VBF_THREAD_STRIDE],
      [layout.VBF_LINK_ADDR, layout.VBF_LINKS * layout.VBF_LINK_STRIDE],
      [layout.VBF_ROUTE_ADDR, 65536],
    ] as const;
    tables.forEach(([start, size], i) => expect(start + size).toBeLessThanOrEqual(tables[i + 1]?.[0] ?? layout.VBF_MEMORY_BYTES));
    expect(layout.link.size).toBeLessThanOrEqual(layout.VBF_LINK_STRIDE);
    expect(layout.VBF_RING_ADDR + layout.VBF_LINKS * layout.VBF_RING_STRIDE).toBe(layout.VBF_MEMORY_MAX);
    expect(layout.thread.size).toBeLessThan(layout.VBF_THREAD_STRIDE / 2);
  });

  it('keeps what different threads write on different cache lines', () => {
    const line = (field: keyof typeof layout.qp.offsets): number => Math.floor(layout.qp.offsets[field] / 64);
    const lines = [line('state'), line('sq_lock'), line('rq_addr'), line('rq_tail'), line('rq_head')];
    expect(new Set(lines).size).toBe(lines.length);
    expect(line('tx_waits')).toBe(line('sq_lock'));
    expect(line('next_lkey')).toBe(line('rq_head'));
  });
});

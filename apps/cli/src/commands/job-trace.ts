/** verbena job trace: where the time of a job went. */
import { create } from '@bufbuild/protobuf';
import { eventv1, jobv1 } from '@verbena/contracts';
import type { CommandContext } from '../command-context.ts';
import { jobTimeline } from './job-timeline.ts';
import { timelineLines } from './timeline-lines.ts';

const pageSize = 500;

export async function showTrace(context: CommandContext, id: string, all: boolean): Promise<void> {
  const session = await context.session();
  const { job } = await session.client(jobv1.JobService).getJob({ id });
  const client = session.client(eventv1.EventService);
  const events: eventv1.Event[] = [];
  let afterPosition = 0n;
  do {
    const page = await client.listEvents({ filter: create(eventv1.EventFilterSchema, { jobId: id }), afterPosition, pageSize });
    events.push(...page.events);
    afterPosition = page.nextAfterPosition;
  } while (afterPosition !== 0n);
  const timeline = jobTimeline(id, events);
  const traceId = job?.traceId ?? '';
  const jaeger = context.io.env['VERBENA_JAEGER_URL']?.replace(/\/+$/, '');
  const url = jaeger && traceId ? `${jaeger}/trace/${traceId}` : undefined;
  if (context.json) return context.io.out(`${JSON.stringify({ jobId: id, traceId, url, timeline }, null, 2)}\n`);
  await context.io.out(`${timelineLines(timeline, context.io.columns, Date.now(), all).join('\n')}\n`);
  if (traceId) await context.line(`\nTrace ${url ?? traceId}`);
}

import type { DomainShare } from '@verbena/hca';

/** What a VM gets of a port of which nothing else was said. */
export const commonShare: Required<DomainShare> = { weight: 1, rate: 0 };

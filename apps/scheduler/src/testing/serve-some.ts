import type { DescService } from '@bufbuild/protobuf';
import type { ServiceImpl } from '@connectrpc/connect';
import type { Bus, Served } from '@verbena/messaging';

/** Serves a part of a service; calls of the rest are answered with UNIMPLEMENTED. */
export function serveSome<S extends DescService>(bus: Bus, service: S, some: Partial<ServiceImpl<S>>, address?: string): Promise<Served> {
  return bus.serve(service, some as ServiceImpl<S>, address);
}

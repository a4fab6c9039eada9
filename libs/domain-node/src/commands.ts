import type { NodeDescription } from './events.ts';

interface Command<T extends string, D> {
  readonly type: T;
  readonly at: number;
  readonly data: D;
}

export type NodeCommand =
  | Command<'RegisterNode', { node: NodeDescription }>
  | Command<'DrainNode', { reason: string }>
  | Command<'ResumeNode', Record<never, never>>
  | Command<'DisablePort', { by: string }>
  | Command<'EnablePort', { by: string }>
  | Command<'LoseNode', { reason: string }>;

/** What system tests share: a sandbox with the real CLI in it, running commands, programs. */
export { MovingJob, type Moved, type MoveWish } from '@verbena/cli';
export { example, guest } from './guests.ts';
export { Running, type Ended, type StartOptions } from './process.ts';
export { Sandbox } from './sandbox.ts';
export { anyImage, ControlPlane, type ControlPlaneOptions } from './control-plane.ts';
export { guestThreads, runGuests, type GuestRun, type GuestRunResult } from './guest-runner.ts';
export type { Quiescing, QuiescingTally } from './quiescing.ts';
export { ProcessCluster, type ProcessClusterSettings } from './process-cluster.ts';
export { testServers, type TestServer, type TestServers } from './servers/test-servers.ts';
export { traceProblems } from './otlp/check-trace.ts';
export { OtlpCollector } from './otlp/collector.ts';
export type { CollectedSpan, SpanRef } from './otlp/span.ts';
export { ComposeCluster, type ContainerFacts } from './compose.ts';
export { engineAnswers } from './servers/containers.ts';
export { nothingIsLeft } from './kill/leaks.ts';
export { moveUnderKill, type MoveEnd } from './kill/move.ts';
export { killRun, killSteps, moveRun, moveSteps, type KillRun, type MoveRun } from './kill/plan.ts';
export { runUnderKill } from './kill/run.ts';

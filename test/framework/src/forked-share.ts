/** A share of a job in a process of its own. The process is this file's neighbour, share-process.ts; they talk over Node's IPC. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PeerPort } from '@verbena/fabric';
import type { ProgramExit, ReleaseMode, SpawnAnswer, SpawnRequest } from '@verbena/hypervisor';
import type { Growth } from './growth.ts';
import type { Share, ShareHooks, SharePlan } from './guest-share.ts';

export type Ask =
  | { readonly what: 'open'; readonly plan: SharePlan }
  | { readonly what: 'learn'; readonly peers: readonly PeerPort[] }
  | { readonly what: 'boot' | 'exec' | 'waitsFor' | 'close' }
  | { readonly what: 'kill'; readonly reason: string }
  | { readonly what: 'quiesce'; readonly epoch: number; readonly timeoutMs: number }
  | { readonly what: 'grow'; readonly growth: Growth }
  | { readonly what: 'release'; readonly epoch: number; readonly mode: ReleaseMode };

export type ToShare =
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask }
  | { readonly kind: 'spawned'; readonly rank: number; readonly answer: SpawnAnswer }
  | { readonly kind: 'cards'; readonly rank: number; readonly generation: number; readonly cards: Uint8Array };

export type FromShare =
  | { readonly kind: 'answer'; readonly id: number; readonly result?: unknown; readonly error?: string }
  | { readonly kind: 'output'; readonly rank: number; readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }
  | { readonly kind: 'rendezvous'; readonly rank: number; readonly generation: number; readonly card: Uint8Array }
  | { readonly kind: 'spawn'; readonly rank: number; readonly request: SpawnRequest }
  | { readonly kind: 'exited'; readonly rank: number; readonly exit: ProgramExit };

const lost = (rank: number): ProgramExit => ({
  cause: 'internal',
  exitCode: 70,
  detail: `the process of rank ${String(rank)} is gone`,
  counters: {} as ProgramExit['counters'],
});

export class ForkedShare implements Share {
  readonly #child: ChildProcess;
  readonly #plan: SharePlan;
  readonly #answers = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #running = new Set<number>();
  readonly gone: Promise<void>;
  #hooks: ShareHooks | undefined;
  #asked = 0;
  ports: readonly PeerPort[] = [];

  private constructor(plan: SharePlan, child: ChildProcess) {
    this.#plan = plan;
    this.#child = child;
    child.on('message', (message) => this.#hear(message as FromShare));
    this.gone = new Promise((resolve) =>
      child.once('exit', (code, signal) => {
        for (const answer of this.#answers.values()) answer.reject(new Error(`a share's process ended with ${String(signal ?? code)}`));
        for (const rank of this.#running) this.#hooks?.exited(rank, lost(rank));
        resolve();
      }),
    );
  }

  static async open(plan: SharePlan): Promise<ForkedShare> {
    const child = fork(fileURLToPath(new URL('./share-process.ts', import.meta.url)), [], {
      execArgv: ['--conditions=verbena-source', '--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const share = new ForkedShare(plan, child);
    share.ports = (await share.#ask({ what: 'open', plan })) as readonly PeerPort[];
    return share;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  #send(message: ToShare): void {
    if (this.#child.connected) this.#child.send(message);
  }

  #ask(ask: Ask): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    const id = ++this.#asked;
    this.#answers.set(id, answer);
    if (!this.#child.connected) answer.reject(new Error("the share's process is gone"));
    this.#send({ kind: 'ask', id, ask });
    return answer.promise;
  }

  #hear(message: FromShare): void {
    switch (message.kind) {
      case 'answer': {
        const answer = this.#answers.get(message.id);
        this.#answers.delete(message.id);
        if (message.error === undefined) answer?.resolve(message.result);
        else answer?.reject(new Error(message.error));
        break;
      }
      case 'output':
        this.#hooks?.output(message.rank, message.stream, message.data);
        break;
      case 'rendezvous': {
        const { rank, generation, card } = message;
        void this.#hooks?.rendezvous(rank, generation, card).then((cards) => this.#send({ kind: 'cards', rank, generation, cards }));
        break;
      }
      case 'spawn': {
        const { rank, request } = message;
        void this.#hooks?.spawn(rank, request).then((answer) => this.#send({ kind: 'spawned', rank, answer }));
        break;
      }
      case 'exited':
        this.#running.delete(message.rank);
        this.#hooks?.exited(message.rank, message.exit);
        break;
    }
  }

  async learn(peers: readonly PeerPort[]): Promise<void> {
    await this.#ask({ what: 'learn', peers });
  }

  async boot(): Promise<void> {
    await this.#ask({ what: 'boot' });
  }

  async exec(hooks: ShareHooks): Promise<void> {
    this.#hooks = hooks;
    for (const { rank } of this.#plan.ranks) this.#running.add(rank);
    await this.#ask({ what: 'exec' });
  }

  async kill(reason: string): Promise<void> {
    await this.#ask({ what: 'kill', reason }).catch(() => undefined);
  }

  async quiesce(epoch: number, timeoutMs: number): Promise<readonly number[] | undefined> {
    return (await this.#ask({ what: 'quiesce', epoch, timeoutMs }).catch(() => undefined)) as readonly number[] | undefined;
  }

  async grow(growth: Growth): Promise<void> {
    await this.#ask({ what: 'grow', growth });
    for (const { rank, host } of growth.newcomers) if (this.#plan.ranks.some((each) => each.host === host)) this.#running.add(rank);
  }

  async release(epoch: number, mode: ReleaseMode): Promise<void> {
    await this.#ask({ what: 'release', epoch, mode }).catch(() => undefined);
  }

  async waitsFor(): Promise<ReadonlyMap<number, string>> {
    return (await this.#ask({ what: 'waitsFor' }).catch(() => new Map())) as ReadonlyMap<number, string>;
  }

  async close(): Promise<void> {
    await this.#ask({ what: 'close' }).catch(() => undefined);
    this.#child.kill('SIGKILL');
    await this.gone;
  }
}

/** The process of a ForkedShare. */
import type { SpawnAnswer } from '@verbena/hypervisor';
import { LocalShare } from './guest-share.ts';
import type { Ask, FromShare, ToShare } from './forked-share.ts';

let share: LocalShare | undefined;
const spawning = new Map<number, (answer: SpawnAnswer) => void>();
const waiting = new Map<string, (cards: Uint8Array) => void>();

function say(message: FromShare): void {
  process.send?.(message);
}

function opened(): LocalShare {
  if (share === undefined) throw new Error('the share is not open');
  return share;
}

const exec = (): Promise<void> =>
  opened().exec({
    output: (rank, stream, data) => say({ kind: 'output', rank, stream, data: data.slice() }),
    rendezvous: (rank, generation, card) =>
      new Promise((resolve) => {
        waiting.set(`${String(rank)}/${String(generation)}`, resolve);
        say({ kind: 'rendezvous', rank, generation, card: card.slice() });
      }),
    spawn: (rank, request) =>
      new Promise((resolve) => {
        spawning.set(rank, resolve);
        say({ kind: 'spawn', rank, request });
      }),
    exited: (rank, exit) => say({ kind: 'exited', rank, exit }),
  });

async function answer(ask: Ask): Promise<unknown> {
  switch (ask.what) {
    case 'open':
      share = await LocalShare.open(ask.plan);
      return share.ports;
    case 'learn':
      return opened().learn(ask.peers);
    case 'boot':
      return opened().boot();
    case 'exec':
      return exec();
    case 'kill':
      return opened().kill(ask.reason);
    case 'quiesce':
      return opened().quiesce(ask.epoch, ask.timeoutMs);
    case 'grow':
      return opened().grow(ask.growth);
    case 'release':
      return opened().release(ask.epoch, ask.mode);
    case 'waitsFor':
      return opened().waitsFor();
    case 'close':
      return opened().close();
  }
}

process.on('message', (message: ToShare) => {
  if (message.kind === 'cards') {
    waiting.get(`${String(message.rank)}/${String(message.generation)}`)?.(message.cards);
    return;
  }
  if (message.kind === 'spawned') {
    spawning.get(message.rank)?.(message.answer);
    return;
  }
  const { id, ask } = message;
  answer(ask).then(
    (result) => say({ kind: 'answer', id, result }),
    (error: unknown) => say({ kind: 'answer', id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on('disconnect', () => process.exit(1));

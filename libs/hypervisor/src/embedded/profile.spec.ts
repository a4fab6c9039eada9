import { describe, expect, it } from 'vitest';
import { ControlBlock, VCPU_BLOCKED, VCPU_PARKED, VCPU_RUNNING, VCPU_WAITING, word } from './control-block.ts';
import { callName } from './counters.ts';
import { Profile, type Sampled } from './profile.ts';

function watched(): { control: ControlBlock; what: Sampled; says: (text: string) => void; served: (is: boolean) => void } {
  const control = new ControlBlock();
  const now = { text: '', served: false };
  const what = { control, attachment: undefined, servedByDriver: () => now.served, direct: true, waitsFor: () => now.text };
  control.store(word.state, VCPU_RUNNING);
  return { control, what, says: (text) => void (now.text = text), served: (is) => void (now.served = is) };
}

describe('the profile of a program', () => {
  it('counts samples for the guest, for the call into the VMM, and for the MPI function that sleeps', () => {
    const { control, what, says } = watched();
    const profile = new Profile();
    profile.sample(what, 1);
    control.store(word.inVmm, 4);
    profile.sample(what, 2);
    control.store(word.state, VCPU_BLOCKED);
    says('MPI_Recv(source=3, tag=7, comm=MPI_COMM_WORLD)');
    profile.sample(what, 4);
    control.store(word.state, VCPU_PARKED);
    profile.sample(what, 8);
    control.store(word.state, VCPU_WAITING);
    profile.sample(what, 16);
    const call = callName(3);
    expect(profile.seconds).toEqual({
      ...{ guest: 1, vmm: 2, idle: 28, adapter: 0, 'driver-domain': 0 },
      ...{ [`vmm;${call}`]: 2, 'idle;MPI_Recv': 4, 'idle;paused': 8, [`idle;${call}`]: 16 },
    });
  });

  it('adds what a driver domain does for it meanwhile', () => {
    const { what, served } = watched();
    const profile = new Profile();
    served(true);
    profile.sample(what, 1);
    expect(profile.seconds).toMatchObject({ guest: 1, 'driver-domain': 1 });
  });

  it('is not filled by what a guest makes up', () => {
    const { control, what, says } = watched();
    const profile = new Profile();
    control.store(word.state, VCPU_BLOCKED);
    for (const text of ['', 'rm -rf', '__proto__', 'MPI;x;y']) {
      says(text);
      profile.sample(what, 1);
    }
    for (let i = 0; i < 1000; i++) {
      says(`MPI_made_up_${'x'.repeat(i)}${i}`);
      profile.sample(what, 1);
    }
    const { seconds } = profile;
    expect(Object.keys(seconds).length).toBeLessThanOrEqual(5 + 41);
    expect(Object.keys(seconds).every((name) => name.length <= 64)).toBe(true);
    expect(seconds['idle']).toBe(1004);
    expect(seconds['idle;block']).toBe(4);
    const parts = Object.entries(seconds).filter(([name]) => name.startsWith('idle;'));
    expect(parts.reduce((sum, [, value]) => sum + value, 0)).toBe(1004);
  });
});

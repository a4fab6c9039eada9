import { createEmbeddedHypervisor } from './driver.ts';
import { hypervisorContract } from '../testing/contract.ts';

hypervisorContract('the embedded driver', async () => {
  const guestLog: string[] = [];
  return { hypervisor: await createEmbeddedHypervisor({ onGuestLog: (_id, line) => guestLog.push(line) }), guestLog };
});

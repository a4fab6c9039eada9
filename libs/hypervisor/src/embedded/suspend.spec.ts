import { createSubnet } from '@verbena/fabric';
import { suspendContract } from '../testing/suspend-contract.ts';
import { createEmbeddedHypervisor } from './driver.ts';

suspendContract('the embedded driver', async () => {
  const port = (await createSubnet()).addPort({ nodeName: 'node-0' });
  return { hypervisor: await createEmbeddedHypervisor({ port }), guestLog: [] };
});

/** What may befall a node-agent of the test's world as it is asked, and as it answers. */
import type { ServiceImpl } from '@connectrpc/connect';
import type { migrationv1 } from '@verbena/contracts';

export type Trouble = (nodeId: string, method: string, when: 'asked' | 'answers') => void;

type Methods = Partial<ServiceImpl<typeof migrationv1.MigrationAgentService>>;

/** The same methods, which something may befall as they are asked and as they answer. */
export function withTrouble(methods: Methods, befall: (method: string, when: 'asked' | 'answers') => void): Methods {
  const { precopy, ...calls } = methods;
  const troubled = Object.entries(calls as Record<string, (...inner: unknown[]) => unknown>).map(([method, call]) => {
    const befallen = async (...inner: unknown[]): Promise<unknown> => {
      befall(method, 'asked');
      const answer = await call(...inner);
      befall(method, 'answers');
      return answer;
    };
    return [method, befallen] as const;
  });
  return {
    ...(Object.fromEntries(troubled) as Methods),
    async *precopy(...inner) {
      befall('precopy', 'asked');
      for await (const round of precopy?.(...inner) ?? []) {
        befall('precopy', 'answers');
        yield round;
      }
    },
  };
}

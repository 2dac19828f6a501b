import type { RetryIf } from '../../src/transform/contract.ts';

/** An upstream that answers 200 and says in its body that it was busy. */
export const retryIf: RetryIf = async ({ body, status, meta }) => {
  const text = new TextDecoder().decode(body);
  if (meta === 'throws') throw new Error('no idea');
  if (meta === 'odd') return 'yes' as unknown as boolean;
  if (meta === 'waits') await new Promise((resolve) => setTimeout(resolve, 20_000));
  if (meta === 'soon' && text === 'busy') return 1;
  return status === 200 && text === 'busy';
};

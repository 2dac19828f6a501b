import { randomUUID } from 'node:crypto';
import { type PolicyInput, type Sluice, conflicts } from '@sluice/producer';
import { SluiceError, longRate, policySchema, validate } from '@sluice/shared';

/** The queue that a run's jobs go to. */
export type RunQueue = AsyncDisposable & {
  name: string;
  /** Others use it, too: our jobs must be taken back, and only ours. */
  shared: boolean;
};

/** A list is a standing backlog. And what is run twice in a row must not send two bursts in one window. */
function evenly({ rate, ...policy }: PolicyInput): PolicyInput {
  if (rate === undefined || rate === null) return { ...policy, ...(rate === null && { rate }) };
  const long = longRate(rate);
  return { ...policy, rate: typeof long === 'string' ? long : { burst: 1, ...long } };
}

/** A queue that cannot be removed within this time (Redis is gone) is left behind, ms. */
const removalPatienceMs = 5000;

/**
 * A queue of the run's own, with the policy. It is removed at the end with everything that is still in it.
 * @param remove false where Redis itself is removed
 */
export async function createRunQueue(
  sluice: Sluice,
  policy: PolicyInput,
  remove: boolean,
): Promise<RunQueue> {
  const name = `run-${randomUUID()}`;
  await sluice.policies.create(name, evenly(policy));
  const dispose = async () => {
    if (!remove) return;
    await Promise.race([
      sluice.queues.remove(name),
      new Promise((resolve) => setTimeout(resolve, removalPatienceMs).unref()),
    ]);
  };
  return { name, shared: false, [Symbol.asyncDispose]: dispose };
}

/**
 * The queue NAME and the policy it has.
 * @param given what the command line says about the policy; it may repeat the queue's, not change it
 * @throws SluiceError SLUICE_POLICY_MISSING, SLUICE_POLICY_CONFLICT
 */
export async function openSharedQueue(sluice: Sluice, name: string, given: PolicyInput): Promise<RunQueue> {
  const policy = await sluice.policies.read(name);
  if (policy === null) {
    const message = `there is no queue "${name}" here; leave --queue out to have one made for this run, or check the name, --redis and --prefix`;
    throw new SluiceError('SLUICE_POLICY_MISSING', message);
  }
  validate(policySchema, given, 'SLUICE_INVALID_POLICY', 'the options');
  const list = conflicts(policy, given);
  if (list.length > 0) {
    const message = `queue "${name}" has another policy (${list.join('; ')}); leave these options out to use the queue's`;
    throw new SluiceError('SLUICE_POLICY_CONFLICT', message);
  }
  return { name, shared: true, [Symbol.asyncDispose]: async () => {} };
}

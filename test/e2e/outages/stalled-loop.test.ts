import { describe, expect, test } from 'vitest';
import { until } from '../fleet.ts';
import { queue, openScene, outcomesOf, servesAgain } from '../scenes/stalled-loop.ts';

describe('a worker that was frozen for longer than its lock', () => {
  test('cannot commit the response that came meanwhile: another worker has the job', async () => {
    await using scene = await openScene();
    const { upstream, handle, stopped, fleet } = scene;
    upstream.requests[0]!.answer('first');
    stopped.signal('SIGCONT');
    await stopped.line(/the locks of jobs expired|could not renew lock|Missing lock/);
    expect(await fleet.redis.exists(fleet.keys.outcome(queue, 'job'))).toBe(0);
    upstream.requests[1]!.answer('second');
    expect(new TextDecoder().decode((await handle.outcome()).body)).toBe('second');
    await servesAgain(scene);
    expect(await outcomesOf(scene)).toEqual(['second']);
    expect(upstream.of('/')).toHaveLength(2);
  });

  test('commits nothing when the second run has ended before it goes on', async () => {
    await using scene = await openScene();
    const { upstream, handle, stopped, fleet } = scene;
    upstream.requests[1]!.answer('second');
    expect(new TextDecoder().decode((await handle.outcome()).body)).toBe('second');
    await until(async () => (await fleet.redis.exists(fleet.keys.bull(queue).job('job'))) === 0);
    upstream.requests[0]!.answer('first');
    stopped.signal('SIGCONT');
    await servesAgain(scene);
    expect(await outcomesOf(scene)).toEqual(['second']);
    expect(upstream.of('/')).toHaveLength(2);
  });
});

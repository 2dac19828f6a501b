import { describe, expect, test } from 'vitest';
import { until } from '../fleet.ts';
import { openScene, outcomesOf, servesAgain } from '../scenes/stalled-loop.ts';

describe('a worker that was frozen for longer than its lock', () => {
  test('aborts its request when it goes on; the one outcome is that of the second run', async () => {
    await using scene = await openScene();
    const { upstream, handle, stopped } = scene;
    stopped.signal('SIGCONT');
    await until(() => upstream.requests[0]!.leftAt !== undefined);
    expect(upstream.requests[1]!.leftAt).toBeUndefined();
    upstream.requests[1]!.answer('second');
    const { outcome, body } = await handle.outcome();
    expect(outcome).toMatchObject({ kind: 'response', attempts: 1 });
    expect(new TextDecoder().decode(body)).toBe('second');
    await servesAgain(scene);
    expect(await outcomesOf(scene)).toEqual(['second']);
    expect(upstream.of('/')).toHaveLength(2);
  });
});

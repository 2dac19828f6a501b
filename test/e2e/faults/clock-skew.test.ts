import { describe, expect, inject, test } from 'vitest';
import { type SkewedClock, skewedClock } from '../../lab/faults/clock-skew.ts';
import { freePort } from '../../lab/free-port.ts';
import { runProgram } from '../../lab/processes.ts';
import { spawnUpstream } from '../../lab/upstream/spawn.ts';
import { openFleet, until } from '../fleet.ts';
import { expectRetryAfterKept } from '../outages/skewed-workers.ts';

const queue = 'api';
const policy = { egress: { allow: ['127.0.0.0/8'] } };

/** The health endpoint of a worker, and the variables that open it. */
async function healthPort() {
  const port = await freePort();
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return { ask, env: { SLUICE_HEALTH_PORT: String(port), SLUICE_HEALTH_HOST: '127.0.0.1' } };
}

/** The clock's skew as /metrics has it, ms. */
function skewIn(metrics: string): number {
  return Number(/^sluice_clock_skew\S* (\S+)/m.exec(metrics)?.[1]);
}

describe('a worker whose clock is wrong', () => {
  test.each([3000, -3000])('by %i ms does not start, and says why', async (ms) => {
    const { code, stderr } = await runProgram('packages/worker/src/main.ts', [], {
      env: { ...skewedClock(ms).env, SLUICE_REDIS_URL: inject('redisUrl'), SLUICE_PREFIX: '{skewed}' },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('SLUICE_CLOCK_SKEW');
    expect(stderr).toMatch(ms > 0 ? /the clock is (2[5-9]|3[0-4])\d\d ms ahead of/ : /ms behind/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test('by less than the limit sends nothing earlier than 250 ms before the end of its Retry-After', async () => {
    await expectRetryAfterKept([1900, -1900], 429);
  });

  test('because it was set while the worker ran takes and expires nothing, is not ready, and goes on when the clock is right again', async () => {
    await using upstream = await spawnUpstream();
    await using fleet = await openFleet(0);
    await fleet.client.policies.set(queue, policy);
    const clock: SkewedClock = skewedClock(0);
    const health = await healthPort();
    const worker = await fleet.startWorker({ ...clock.env, ...health.env });
    expect((await health.ask('/readyz')).status).toBe(200);
    expect(Math.abs(skewIn((await health.ask('/metrics')).text))).toBeLessThan(1000);

    clock.set(3_600_000);
    await worker.line('no jobs are taken');
    const readiness = await health.ask('/readyz');
    expect(readiness.status).toBe(503);
    expect(readiness.text).toMatch(/the clock is 3(599|600)\d{3} ms ahead of Redis'/);
    expect(skewIn((await health.ask('/metrics')).text)).toBeCloseTo(3_600_000, -3);
    expect((await health.ask('/livez')).status).toBe(200);

    const url = `${upstream.url}/json`;
    const handles = await Promise.all(
      Array.from({ length: 5 }, () =>
        fleet.client.enqueue({ url, deadline: Date.now() + 60_000 }, { queue }),
      ),
    );
    // Longer than it sweeps deadlines or takes jobs, were it wrong.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await upstream.arrivals()).toEqual([]);
    for (const handle of handles) expect(['waiting', 'active']).toContain(await handle.status());

    clock.set(0);
    await until(async () => (await health.ask('/readyz')).status === 200);
    for (const handle of handles) {
      expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 1 });
    }

    clock.set(-3_600_000);
    await until(async () => (await health.ask('/readyz')).status === 503);
    worker.signal('SIGTERM');
    expect((await worker.exit()).code).toBe(0);
  });
});

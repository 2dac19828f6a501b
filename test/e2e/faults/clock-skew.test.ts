import { describe, expect, inject, test } from 'vitest';
import { type SkewedClock, skewedClock } from '../../support/faults/clock-skew.ts';
import { freePort } from '../../support/free-port.ts';
import { runProgram } from '../../support/processes.ts';
import { spawnUpstream } from '../../support/upstream/spawn.ts';
import { openFleet, until } from '../fleet.ts';

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
    expect(stderr).toMatch(ms > 0 ? /the clock is (2999|3000|3001) ms ahead of/ : /ms behind/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  // 500: the job is put off, and its origin is not held.
  test.each([
    ['one that is fast, one that is slow', [1900, -1900], 429],
    ['one that is fast, one that is slow', [1900, -1900], 500],
    ['two that are fast, two that are slow', [1900, 1900, -1900, -1900], 429],
    ['one that is fast', [1900], 429],
    ['one that is slow', [-1900], 500],
  ])(
    'by less than the limit sends nothing before its Retry-After less 250 ms: %s, %j, %i',
    async (_what, skews, status) => {
      // All are sent before the first 429 comes back: who is not would be refused later, and hold the others again.
      await using upstream = await spawnUpstream({ latencyMs: 300 });
      await using fleet = await openFleet(0);
      await fleet.client.policies.set(queue, { ...policy, retry: { jitter: 0 } });
      await Promise.all(skews.map((ms) => fleet.startWorker(skewedClock(ms).env)));
      const handles = await Promise.all(
        Array.from({ length: 8 }, (_, n) =>
          fleet.client.enqueue(
            { url: `${upstream.url}/status/${status}?retryAfter=2&times=1&n=${n}` },
            { queue },
          ),
        ),
      );
      for (const handle of handles) {
        expect((await handle.outcome()).outcome).toMatchObject({ kind: 'response', attempts: 2 });
      }
      const arrivals = await upstream.arrivals();
      expect(arrivals).toHaveLength(16);
      const waits = handles.map((_, n) => {
        const [first, second] = arrivals.filter(({ path }) => path.endsWith(`n=${n}`));
        return second!.t - first!.t;
      });
      expect(Math.min(...waits)).toBeGreaterThan(2000 - 250);
      // A clock that is slow by less than the limit comes late by no more.
      expect(Math.max(...waits)).toBeLessThan(2000 + 2 * 1900 + 3000);
    },
    30_000,
  );

  test('after it was set while the worker ran: it takes and expires nothing, is not ready, and goes on when it is right again', async () => {
    await using upstream = await spawnUpstream();
    await using fleet = await openFleet(0);
    await fleet.client.policies.set(queue, policy);
    const clock: SkewedClock = skewedClock(0);
    const health = await healthPort();
    const worker = await fleet.startWorker({ ...clock.env, ...health.env });
    expect((await health.ask('/readyz')).status).toBe(200);
    expect(Math.abs(skewIn((await health.ask('/metrics')).text))).toBeLessThan(100);

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
    const begun = performance.now();
    worker.signal('SIGTERM');
    expect((await worker.exit()).code).toBe(0);
    expect(performance.now() - begun).toBeLessThan(1000);
  }, 30_000);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { installedServer, startOwnRedis } from './own-redis.ts';
import { containerLabel, testRun } from './test-run.ts';

export { installedServer, startOwnRedis } from './own-redis.ts';
export type { OwnRedis } from './own-redis.ts';

/** A Redis that tests share; each uses its own key prefix. */
export interface TestRedis extends AsyncDisposable {
  url: string;
  host: string;
  port: number;
  via: 'testcontainers' | 'spawned';
  /** Where this server came from, as one line for the test run's output. */
  how: string;
  stop(): Promise<void>;
}

/** The image, unless SLUICE_TEST_REDIS_IMAGE names another. */
const defaultImage = 'redis:7-alpine';

/** How long a pull may take before a spawned server is the better choice, in ms. */
const pullPatience = 20_000;

const settings = ['--save', '', '--hz', '100', '--maxmemory-policy', 'noeviction'];

/**
 * Starts a Redis: as a process if a server is installed, else with Testcontainers if an engine answers and has or pulls
 * the image. SLUICE_TEST_REDIS=testcontainers or =spawned allows only that way. Throws when neither works.
 */
export async function startRedis(): Promise<TestRedis> {
  const way = process.env['SLUICE_TEST_REDIS'] ?? 'auto';
  if (!['auto', 'testcontainers', 'spawned'].includes(way)) {
    throw new Error(`SLUICE_TEST_REDIS is "${way}"; use auto, testcontainers or spawned`);
  }
  if (way === 'spawned') return spawned('SLUICE_TEST_REDIS=spawned');
  if (way === 'auto' && installedServer() !== undefined) return spawned('SLUICE_TEST_REDIS=auto');
  try {
    return await contained(process.env['SLUICE_TEST_REDIS_IMAGE'] ?? defaultImage);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (way === 'testcontainers')
      throw new Error(`SLUICE_TEST_REDIS=testcontainers, but ${why}`, { cause: error });
    return spawned(why);
  }
}

async function spawned(why: string): Promise<TestRedis> {
  const server = installedServer();
  if (server === undefined) {
    throw new Error(`tests need a Redis: install redis-server >= 7, or start a Docker engine (${why})`);
  }
  const own = await startOwnRedis(settings);
  const stop = () => own.stop();
  const how = `spawned ${server.program} ${server.version}; ${why}`;
  const { url, host, port } = own;
  return { url, host, port, via: 'spawned', how, stop, [Symbol.asyncDispose]: stop };
}

async function contained(image: string): Promise<TestRedis> {
  // The run's own reaper removes the container; Ryuk would be one more image to pull. Read on load.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
  const { ImageName, getContainerRuntimeClient } = await import('testcontainers');
  const { RedisContainer } = await import('@testcontainers/redis');

  const engine = await getContainerRuntimeClient().catch(() => {
    throw new Error('no Docker engine answered');
  });
  const name = ImageName.fromString(image);
  if (!(await engine.image.exists(name))) {
    const giveUp = new AbortController();
    await Promise.race([
      engine.image.pull(name).catch(() => {}),
      sleep(pullPatience, undefined, { signal: giveUp.signal }).catch(() => {}),
    ]);
    giveUp.abort();
    if (!(await engine.image.exists(name))) {
      throw new Error(`the image ${image} is not here and was not pulled within ${pullPatience / 1000} s`);
    }
  }

  const container = await new RedisContainer(image)
    .withCommand(['redis-server', ...settings])
    .withLabels({ [containerLabel]: testRun().id })
    .start();
  const stop = async () => void (await container.stop());
  return {
    url: container.getConnectionUrl(),
    host: container.getHost(),
    port: container.getPort(),
    via: 'testcontainers',
    how: `Testcontainers, image ${image}`,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

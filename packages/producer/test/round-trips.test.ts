import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection } from 'node:net';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { installedServer, startOwnRedis } from '../../../test/lab/own-redis.ts';
import { readWorkerConfig } from '../../worker/src/config.ts';
import { createLogger } from '../../worker/src/logger.ts';
import { startPool } from '../../worker/src/pool.ts';
import { loopback } from '../../worker/test/rig.ts';
import { connect } from '../src/index.ts';

/** They wait for a push: it costs nobody a way to Redis and back. */
const waits = new Set(['bzpopmin', 'xread']);

/** `isIdle`: no fetch waits for it. A worker has looked for a job, and there was none. */
type Sent = { name: string; isIdle: boolean };

/** In a call of the worker's turn, and in what a script does to a job. */
const aTurn = '"{sluice}/queues" "{\\"places';
const aJob = /"\{sluice\}:q:[0-9a-f-]{36}"/;

/** Acknowledgements, the duty to sweep, signs of life: by their first keys. */
const aside = /"\d+" "\{sluice\}\/(replies\/|sweeper|workers)/;

test.skipIf(installedServer() === undefined)(
  'a fetch costs three round trips to Redis: it is added, taken, and ended',
  { timeout: 60_000 },
  async () => {
    await using stack = new AsyncDisposableStack();
    const server = createServer((_request, response) => void response.end('x'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    stack.defer(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const own = stack.use(await startOwnRedis());
    const sluice = await connect({ redis: own.url, queue: 'q', policy: { egress: loopback } });
    stack.defer(() => sluice.close());
    const config = readWorkerConfig({ SLUICE_REDIS_URL: own.url });
    const pool = await startPool(config, createLogger('test', 'silent'));
    stack.defer(async () => void (await pool.drain(0)));
    const redis = new Redis(own.url);
    stack.defer(() => redis.disconnect());
    // By hand: ioredis takes what a monitor is told for answers.
    const monitor = createConnection({ host: own.host, port: own.port });
    stack.defer(() => void monitor.destroy());
    monitor.write('MONITOR\r\n');
    const lines = createInterface({ input: monitor });
    await once(lines, 'line');
    // What was sent in the time of each fetch; Redis sees the marks in their order.
    const sent: Sent[][] = [];
    let isOver = true;
    const over = Promise.withResolvers<void>();
    lines.on('line', (line) => {
      const [, source, command = '', mark] = /^\+\S+ \[\d+ (\S+)\] "([^"]*)"(?: "([^"]*)")?/.exec(line) ?? [];
      const name = command.toLowerCase();
      if (name === 'echo' && mark === 'begin') sent.push([]);
      if (name === 'echo') isOver = mark !== 'begin';
      else if (aside.test(line)) return;
      else if (source === 'lua') {
        const by = sent.at(-1)?.at(-1);
        if (by !== undefined && aJob.test(line)) by.isIdle = false;
      } else if (!isOver) sent.at(-1)!.push({ name, isIdle: line.includes(aTurn) });
      if (mark === 'last') over.resolve();
    });
    const fetches = 40;
    // The first ones open connections and load the scripts.
    for (let n = 0; n < 5; n++) await sluice.fetch(url);
    for (let n = 0; n < fetches; n++) {
      await redis.echo('begin');
      expect((await sluice.fetch(url)).status).toBe(200);
      await redis.echo('end');
    }
    await redis.echo('last');
    await over.promise;
    expect(sent).toHaveLength(fetches);
    const counts = sent.map(
      (commands) => commands.filter(({ name, isIdle }) => !isIdle && !waits.has(name)).length,
    );
    // Of a fetch that nothing came between: on a busy machine a permit grows too old, and is asked for again.
    expect(Math.min(...counts)).toBe(3);
  },
);

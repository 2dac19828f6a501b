import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { expect, inject, test } from 'vitest';
import { startTcpProxy } from './tcp-proxy.ts';

/** A proxy in front of the run's Redis, and a client of it that does not reconnect. */
async function setUp(stack: AsyncDisposableStack) {
  const { hostname, port } = new URL(inject('redisUrl'));
  const proxy = stack.use(await startTcpProxy({ host: hostname, port: Number(port) }));
  const open = async () => {
    const client = new Redis({
      host: proxy.host,
      port: proxy.port,
      lazyConnect: true,
      retryStrategy: () => null,
    });
    client.on('error', () => {});
    stack.defer(() => client.disconnect());
    await client.connect();
    return client;
  };
  return { proxy, open, client: await open() };
}

test('bytes pass, large ones too', async () => {
  await using stack = new AsyncDisposableStack();
  const { client } = await setUp(stack);
  const large = 'x'.repeat(5_000_000);
  expect(await client.echo(large)).toBe(large);
});

test('a cut resets what is open and serves what comes next', async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, open, client } = await setUp(stack);
  const closed = new Promise((resolve) => client.once('close', resolve));
  proxy.cut();
  await closed;
  expect(await (await open()).ping()).toBe('PONG');
});

test('refuse() resets new connections, and leaves the old ones', async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, open, client } = await setUp(stack);
  proxy.refuse();
  await expect(open()).rejects.toThrow();
  expect(await client.ping()).toBe('PONG');
  proxy.heal();
  expect(await (await open()).ping()).toBe('PONG');
});

test('a stall holds bytes back and loses none', async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, client } = await setUp(stack);
  proxy.stall();
  let answered = false;
  const pong = client.ping().then((text) => {
    answered = true;
    return text;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(answered).toBe(false);
  proxy.heal();
  expect(await pong).toBe('PONG');
});

test('swallowed connections stay silent forever; new ones work', async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, open, client } = await setUp(stack);
  proxy.swallow();
  const pong = client.ping().then(
    () => 'answered',
    () => 'failed',
  );
  const later = new Promise((resolve) => setTimeout(() => resolve('silent'), 200));
  proxy.heal();
  expect(await Promise.race([pong, later])).toBe('silent');
  expect(await (await open()).ping()).toBe('PONG');
});

test('a partition takes connections and answers none, until it is healed', async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, open, client } = await setUp(stack);
  proxy.partition();
  const old = client.ping().then(
    () => 'answered',
    () => 'failed',
  );
  const fresh = open().then(
    () => 'answered',
    () => 'failed',
  );
  const later = new Promise((resolve) => setTimeout(() => resolve('silent'), 200));
  expect(await Promise.race([old, fresh, later])).toBe('silent');
  proxy.heal();
  expect(await (await open()).ping()).toBe('PONG');
});

test('a command whose answer is lost has been executed', async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, open, client } = await setUp(stack);
  const key = `{lost-${randomUUID()}}`;
  const lost = proxy.loseAnswer('set', key);
  expect(await client.echo('another')).toBe('another');
  const answer = expect(client.set(key, 'kept', 'EX', 60)).rejects.toThrow();
  await lost;
  await answer;
  expect(await (await open()).get(key)).toBe('kept');
});

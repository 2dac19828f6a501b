import { type Socket, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort } from '../../../test/lab/free-port.ts';
import { listen } from '../../../test/lab/listen.ts';
import { runHere } from './io.ts';

const commands = [
  ['fetch', 'http://a.test/'],
  ['enqueue', 'http://a.test/'],
  ['job', 'show', 'q', 'id'],
  ['job', 'cancel', 'q', 'id'],
  ['job', 'list', 'q'],
  ['batch', 'show', 'b'],
  ['batch', 'results', 'b'],
  ['schedule', 'list', 'q'],
  ['schedule', 'set', 'q', 'name', 'http://a.test/', '--every', '1h'],
  ['schedule', 'remove', 'q', 'name'],
  ['queue', 'export'],
  ['queue', 'list'],
  ['dead', 'list', 'q'],
  ['top', '--once'],
];

test.each(commands.map((words) => [words.join(' '), words] as const))(
  'sluice %s says so when Redis is away, and ends',
  async (_, words) => {
    const url = `redis://127.0.0.1:${await freePort()}`;
    const { code, stdout, stderr } = await runHere([...words, '--redis', url]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^sluice: redis:\/\/127\.0\.0\.1:\d+ does not answer \(.*ECONNREFUSED.*\n$/);
  },
);

test('a Redis that accepts and says nothing is given up, too', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => {})));
  using _end = {
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 });
  const url = `redis://127.0.0.1:${port}`;
  const started = performance.now();
  const { code, stderr } = await runHere(['queue', 'list', '--redis', url]);
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `sluice: ${url} does not answer within 1500ms; is Redis running there? A slow network needs a longer --redis-timeout\n`,
  });
  // ioredis itself would wait for much longer.
  expect(performance.now() - started).toBeLessThan(14_000);
  const soon = await runHere(['queue', 'list', '--redis', url, '--redis-timeout', '10ms']);
  expect(soon.stderr).toContain('does not answer within 10ms');
  const bad = await runHere(['queue', 'list', '--redis', url, '--redis-timeout', 'soon']);
  expect(bad.stderr).toMatch(/^sluice: --redis-timeout: "soon" is not a duration/);
});

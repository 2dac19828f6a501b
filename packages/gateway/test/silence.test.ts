import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Waits } from '../src/waiting/waits.ts';
import { GatewayRig } from './gateway-rig.ts';

test('a client that stops in the middle of a body is cut off, and nothing is enqueued', async () => {
  await using gateway = await GatewayRig.open({ idle: true }, new Waits(), { silenceMs: 200 });
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  const head = `POST /v1/queues/q/jobs HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`;
  socket.write(`${head}{"url": `);
  // Reading is what shows that the other side has gone.
  socket.resume();
  socket.on('error', () => {});
  await once(socket, 'close');
  expect(await gateway.rig.bull.getJobCountByTypes('wait')).toBe(0);
});

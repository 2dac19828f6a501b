import { type Socket, createSocket } from 'node:dgram';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { createResolver } from '../src/http/resolve.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

const typeA = 1;
const typeAaaa = 28;
const noSuchName = 3;

type Zone = (name: string, type: number) => readonly number[][] | 'silence' | 'nxdomain';

/** The name and type of the one question in a DNS message (RFC 1035, 4.1). */
function questionOf(message: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at]!; length > 0; length = message[at]!) {
    labels.push(message.toString('ascii', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(message: Buffer, addresses: readonly number[][], code: number): Buffer {
  const { type, end } = questionOf(message);
  const head = Buffer.from(message.subarray(0, end));
  head.writeUInt16BE(0x8180 | code, 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((bytes) => {
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0);
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(bytes.length, 10);
    return Buffer.concat([record, Buffer.from(bytes)]);
  });
  return Buffer.concat([head, ...records]);
}

/** A DNS server on loopback, and a resolver that asks it. */
async function dns(zone: Zone, timeoutMs = 2000) {
  const asked: string[] = [];
  const socket: Socket = createSocket('udp4');
  socket.on('message', (message, peer) => {
    const { name, type } = questionOf(message);
    asked.push(`${type === typeA ? 'A' : 'AAAA'} ${name}`);
    const answer = zone(name, type);
    if (answer === 'silence') return;
    const reply = answer === 'nxdomain' ? answerTo(message, [], noSuchName) : answerTo(message, answer, 0);
    socket.send(reply, peer.port, peer.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const resolver = createResolver({ timeoutMs, servers: [`127.0.0.1:${socket.address().port}`] });
  cleanups.push(() => {
    resolver.close();
    socket.close();
  });
  return { resolve: resolver.resolve, asked, close: () => resolver.close() };
}

const ipv6 = (last: number) => [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];

describe('resolve', () => {
  it('alternates the families of an answer, IPv4 first', async () => {
    const { resolve } = await dns((_, type) =>
      type === typeAaaa
        ? [ipv6(1)]
        : [
            [192, 0, 2, 1],
            [192, 0, 2, 2],
          ],
    );
    await expect(resolve('api.example')).resolves.toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.2']);
  });

  it('does not wait for an AAAA answer that never comes when it has an A answer', async () => {
    const { resolve } = await dns((_, type) => (type === typeA ? [[192, 0, 2, 1]] : 'silence'), 60_000);
    await expect(resolve('api.example')).resolves.toEqual(['192.0.2.1']);
  });

  it('answers with AAAA alone if there is no A record', async () => {
    const { resolve } = await dns((_, type) => (type === typeA ? [] : [ipv6(1)]));
    await expect(resolve('six.example')).resolves.toEqual(['2001:db8::1']);
  });

  it('sends one query for simultaneous look-ups, and a new one for the next', async () => {
    const { resolve, asked } = await dns((_, type) => (type === typeA ? [[192, 0, 2, 1]] : []));
    await Promise.all(Array.from({ length: 20 }, () => resolve('api.example')));
    expect(asked.toSorted()).toEqual(['A api.example', 'AAAA api.example']);
    await resolve('api.example');
    expect(asked).toHaveLength(4);
  });

  it('does not fall back to the system when the servers are silent', async () => {
    const { resolve } = await dns(() => 'silence', 50);
    await expect(resolve('localhost.localdomain')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  it('asks the system for names that DNS does not know, and keeps its code', async () => {
    const { resolve, asked } = await dns(() => 'nxdomain');
    await expect(resolve('gone.invalid')).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
      hostname: 'gone.invalid',
    });
    expect(asked).toContain('A gone.invalid');
  });

  it('asks no DNS server for localhost', async () => {
    const { resolve, asked } = await dns(() => [[192, 0, 2, 1]]);
    await expect(resolve('localhost')).resolves.toEqual(['127.0.0.1', '::1']);
    await expect(resolve('app.localhost')).resolves.toEqual(['127.0.0.1', '::1']);
    expect(asked).toEqual([]);
  });

  it.skipIf(hostname().includes('.'))('looks in the hosts file for a name without a dot', async () => {
    const { resolve, asked } = await dns(() => 'silence', 50);
    await resolve(hostname()).catch(() => []);
    expect(asked).toEqual([]);
  });

  it('ends its queries when it is closed', async () => {
    const { resolve, close } = await dns(() => 'silence', 5000);
    const answer = resolve('api.example');
    close();
    await expect(answer).rejects.toMatchObject({ code: 'ECANCELLED' });
  });
});

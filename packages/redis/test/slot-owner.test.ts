import type { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { SlotOwner } from '../src/failover/slot-owner.ts';

/** What each node answers to CLUSTER SLOTS, by host:port; an error is what connecting to it fails with. */
type Answers = Record<string, unknown[] | Error>;

function ownerBy(answers: Answers, asked: string[] = []) {
  const nodes = Object.keys(answers).map((node) => {
    const [host, port] = node.split(':');
    return { host: host!, port: Number(port) };
  });
  return new SlotOwner({ nodes, tls: false, username: '', password: '' }, '{p}', (target) => {
    const node = target.slice('redis://'.length);
    asked.push(node);
    const answer = answers[node] ?? [];
    return {
      connect: () => (answer instanceof Error ? Promise.reject(answer) : Promise.resolve()),
      disconnect: () => {},
      call: (_command: string, what?: string) => Promise.resolve(what === 'KEYSLOT' ? 7 : answer),
      on: () => undefined,
    } as unknown as Redis;
  });
}

const find = (owner: SlotOwner) => owner.find(new AbortController().signal);
const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

describe('the owner of a slot is', () => {
  test('the first node of its range, though others are down', async () => {
    const slots = [
      [0, 6, ['x', 1]],
      [7, 9, ['y', 2], ['z', 3]],
    ];
    await expect(find(ownerBy({ 'a:1': refused, 'b:1': slots }))).resolves.toEqual({ host: 'y', port: 2 });
  });

  test.each([[''], [null]])(
    'the host that was asked, when a node says no name of its own (%j)',
    async (host) => {
      await expect(find(ownerBy({ 'a:1': [[0, 9, [host, 6]]] }))).resolves.toEqual({ host: 'a', port: 6 });
    },
  );

  test.each([
    ['no node has the slot', [[0, 6, ['x', 1]]]],
    ['its host is not known', [[0, 9, ['?', 1]]]],
  ])('nobody, when %s', async (_why, slots) => {
    await expect(find(ownerBy({ 'a:1': slots }))).rejects.toThrow('CLUSTERDOWN no node serves slot 7');
  });

  test('not found, and what a node said is told before what those that are down did not say', async () => {
    const said = Object.assign(new Error('NOAUTH'), { name: 'ReplyError' });
    await expect(find(ownerBy({ 'a:1': refused, 'b:1': said }))).rejects.toBe(said);
    await expect(find(ownerBy({ 'a:1': refused }))).rejects.toBe(refused);
  });
});

test('its replicas are asked, too, from then on; and for news not the owner, which may be the one that fails', async () => {
  const asked: string[] = [];
  const owner = ownerBy({ 'a:1': [[0, 9, ['y', 2], ['z', 3]]] }, asked);
  await find(owner);
  asked.length = 0;
  for (let n = 0; n < 3; n++) await owner.open();
  expect(asked).toEqual(['z:3', 'a:1', 'z:3']);
});

import { EventEmitter } from 'node:events';
import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { type News, followFailovers } from '../src/failover/follow.ts';

class Client extends EventEmitter {
  status = 'ready';
  readonly told: boolean[] = [];
  disconnect(reconnect = false): void {
    this.told.push(reconnect);
  }
}

/** A source of news of the test's own. */
function source() {
  const state = { listeners: 0, switched: (() => {}) as Parameters<News>[0] };
  const news: News = (switched) => {
    state.listeners += 1;
    state.switched = switched;
    return () => (state.listeners -= 1);
  };
  const name = String(Math.random());
  return {
    state,
    open: () => {
      const client = new Client();
      followFailovers(client as unknown as Redis, name, news);
      client.emit('ready');
      return client;
    },
  };
}

test('all clients of a source leave when another server is the primary, but for those that are with it', () => {
  const { state, open } = source();
  const [there, here] = [open(), open()];
  expect(state.listeners).toBe(1);
  state.switched((client) => (client as unknown) === there);
  expect([there.told, here.told]).toEqual([[], [true]]);
});

test('one that was connecting meanwhile leaves when it is connected: it may have asked before', () => {
  const { state, open } = source();
  const client = open();
  client.status = 'connecting';
  state.switched();
  expect(client.told).toEqual([]);
  client.emit('ready');
  expect(client.told).toEqual([true]);
});

test('the news end with the last client, also when it ends unsaid while it waits to connect again', () => {
  const { state, open } = source();
  const [one, other] = [open(), open()];
  one.emit('end');
  other.status = 'reconnecting';
  other.disconnect(true);
  expect(state.listeners).toBe(1);
  other.disconnect();
  expect(state.listeners).toBe(0);
  open();
  expect(state.listeners).toBe(1);
});

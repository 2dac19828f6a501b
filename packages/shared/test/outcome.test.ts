import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Message,
  type Outcome,
  codeOfOutcome,
  decodeMessage,
  decodeSettled,
  encodeMessage,
  encodeSettled,
  errorCodes,
  failedReason,
  keysOf,
  outcomeKinds,
} from '../src/index.ts';

const outcome: Outcome = { kind: 'response', attempts: 1, endedAt: 5, durationMs: 2 };

describe('a settled outcome', () => {
  const head = fc.record({
    status: fc.integer({ min: 100, max: 599 }),
    headers: fc.dictionary(
      fc.string({ unit: 'binary' }),
      fc.oneof(fc.string({ unit: 'binary' }), fc.array(fc.string())),
    ),
    url: fc.webUrl(),
  });

  test('reads back as it was written: any text in it, any bytes after it', () => {
    fc.assert(
      fc.property(
        head,
        fc.string({ unit: 'binary' }),
        fc.uint8Array({ maxLength: 300 }),
        (response, message, body) => {
          const written: Outcome = { ...outcome, response, error: { code: 'SLUICE_NETWORK', message } };
          const read = decodeSettled(encodeSettled(written, body))!;
          expect(JSON.stringify(read.outcome)).toBe(JSON.stringify(written));
          expect(Buffer.from(body).equals(read.body)).toBe(true);
        },
      ),
    );
  });

  test.each(['', '\n', '\n\n', '{"a":1}\n{"b":2}\n', '\0\n\0'])('may have the body %j', (body) => {
    const read = decodeSettled(encodeSettled(outcome, Buffer.from(body)));
    expect(Buffer.from(read!.body).toString()).toBe(body);
  });

  test('is none when there is only a marker', () => {
    expect(decodeSettled(Buffer.from('-'))).toBeNull();
    expect(decodeSettled(Buffer.alloc(0))).toBeNull();
  });
});

describe('every kind of failure', () => {
  test('has a code that is in the table of errors', () => {
    const failures = outcomeKinds.filter((kind) => kind !== 'response');
    expect(Object.keys(codeOfOutcome).sort()).toEqual([...failures].sort());
    for (const kind of failures) expect(errorCodes[codeOfOutcome[kind]].text).toMatch(/\.$/);
  });

  test('is kept by BullMQ as its code and a sentence', () => {
    expect(failedReason({ code: 'SLUICE_TIMEOUT', message: 'late' })).toBe('SLUICE_TIMEOUT: late');
  });
});

describe('a message', () => {
  test.each<Message>([
    { type: 'policy', queue: 'q' },
    { type: 'hold', queue: 'q', origin: 'https://a.test', ms: 1500 },
    { type: 'release', queue: 'q' },
    { type: 'cancel', queue: 'q', id: 'x' },
  ])('$type reads back as it was written', (message) => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message);
  });

  test.each(['', 'x', 'null', '5', '{}', '{"type":"new"}', '{"type":"hold","queue":"q"}', '[]'])(
    '%s says nothing to this version, and does no harm',
    (text) => {
      expect(decodeMessage(text)).toBeNull();
    },
  );
});

describe('the keys of a prefix', () => {
  const keys = keysOf('{t}');
  const names = (queue: string, id: string): string[] =>
    Object.values(keys).flatMap((key) => {
      if (typeof key === 'string') return [key];
      const made: unknown = (key as (...parts: string[]) => unknown)(queue, id, '1');
      if (typeof made === 'string') return [made];
      return Object.values(made as Record<string, string | ((id: string) => string)>).map((one) =>
        typeof one === 'string' ? one : one(id),
      );
    });

  test('all carry its hash tag, so that one script can use several on a cluster', () => {
    const all = names('q', 'x');
    expect(all.length).toBeGreaterThan(12);
    for (const name of all) expect(name).toMatch(/^\{t\}[/:]/);
  });

  test('are all different', () => {
    const all = names('q', 'x');
    expect(new Set(all).size).toBe(all.length);
  });

  test("never meet BullMQ's, whatever queues and ids are called", () => {
    const ours = (name: string) => name.startsWith('{t}/');
    for (const name of names('meta', 'limiter'))
      expect(ours(name) || name.startsWith('{t}:meta:')).toBe(true);
  });
});

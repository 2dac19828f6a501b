import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  type Envelope,
  type JobSpec,
  envelopeSchema,
  envelopeVersion,
  judgeRequest,
  normalSpecSchema,
  readEnvelope,
  readEnvelopeText,
} from '../../packages/shared/src/index.ts';
import { type Delivery, toJob } from '../../packages/producer/src/enqueue/to-job.ts';
import { Rig, until } from '../../packages/worker/test/rig.ts';

/** One job as a version of the producer wrote it; without a spec: as something else of that version did. */
type Held = {
  spec?: JobSpec;
  delivery?: Delivery;
  name?: string;
  data: Envelope;
  opts?: Record<string, unknown>;
};

const folder = fileURLToPath(new URL('envelopes/', import.meta.url));

function heldOf(version: number): [name: string, held: Held][] {
  const place = `${folder}v${version}/`;
  if (!existsSync(place)) return [];
  return readdirSync(place).map((file) => [
    file.replace('.json', ''),
    JSON.parse(readFileSync(place + file, 'utf8')) as Held,
  ]);
}

/** What is in Redis while workers and producers are replaced one by one: of this version, and of the one before. */
const versions = [envelopeVersion - 1, envelopeVersion].filter((version) => version >= 1);

const whatToDo = `The envelope has changed, and a worker of the release before would misread what a new producer writes, or fail it. Raise
envelopeVersion; make readEnvelope still read version ${envelopeVersion} (workers of this release meet jobs that waited); have the
producer go on writing version ${envelopeVersion} where the new field is not used; and hold the new format in
test/formats/envelopes/v${envelopeVersion + 1}/ and v${envelopeVersion + 1}.schema.json. Change what is held of v${envelopeVersion} only if it was never released.`;

test('the schema of the envelope is that of its version', () => {
  const file = `${folder}v${envelopeVersion}.schema.json`;
  const held: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : 'missing';
  // Refinements and transforms have no JSON schema; what is held is the names, the types and what is required.
  const now = envelopeSchema.toJSONSchema({ io: 'input', unrepresentable: 'any' });
  expect(now, whatToDo).toEqual(held);
});

test('each feature of the envelope has a file', () => {
  const fields = new Set(heldOf(envelopeVersion).flatMap(([, { data }]) => Object.keys(data)));
  expect(Object.keys(envelopeSchema.shape).filter((field) => !fields.has(field))).toEqual([]);
});

describe("today's producer writes what its version says", () => {
  const written = heldOf(envelopeVersion).filter(([, { spec }]) => spec !== undefined);
  test.each(written)('%s', (_name, { spec, delivery, name, data, opts }) => {
    const job = toJob(normalSpecSchema.parse(spec), delivery!);
    expect(JSON.parse(JSON.stringify(job)), whatToDo).toEqual({ name, data, opts });
  });
});

/**
 * The bounds of reading: the data of jobs at the edge of what a spec could hold when that version was released, as text.
 * Such jobs wait for up to a year. What a spec may hold can be narrowed; what is read cannot.
 */
type Extreme = { name: string; text: string };

function extremesOf(version: number): [name: string, text: string][] {
  const file = `${folder}v${version}.extremes.json`;
  if (!existsSync(file)) return [];
  const held = JSON.parse(readFileSync(file, 'utf8')) as Extreme[];
  return held.map(({ name, text }) => [name, text]);
}

describe.each(versions)("today's worker reads the extremes of version %d", (version) => {
  test.each(extremesOf(version))('%s', (_name, text) => {
    const data: unknown = JSON.parse(text);
    const read = readEnvelope(data);
    expect(read.type).toBe('envelope');
    // It is not only read: nothing that the worker judges stops it.
    expect(judgeRequest((read as { envelope: Envelope }).envelope.req)).toMatchObject({ ok: true });
    expect(readEnvelopeText(text)).toEqual(readEnvelope(data));
  });

  test('of each field that has bounds', () => {
    const fields = new Set(
      extremesOf(version).flatMap(([, text]) => Object.keys(JSON.parse(text) as object)),
    );
    const bounded = [
      'attempts',
      'retry',
      'timeoutMs',
      'deadline',
      'replyTo',
      'keepMs',
      'batch',
      'meta',
      'transform',
    ];
    expect(bounded.filter((field) => !fields.has(field))).toEqual([]);
  });
});

describe.each(versions)("today's worker", (version) => {
  test.each(heldOf(version))(`reads version ${version}: %s`, (_name, { data }) => {
    const read = readEnvelope(data);
    expect(read.type, whatToDo).toBe('envelope');
    if (version === envelopeVersion) expect(read).toMatchObject({ envelope: data, addressee: data });
  });

  test(`performs what version ${version} wrote, every field of it`, async () => {
    const env = { SLUICE_TRANSFORMS: 'plain=packages/worker/test/transforms/plain.mjs' };
    await using rig = await Rig.open({ env, upstream: { keepHeaders: true } });
    const held = heldOf(version);
    for (const [name, { data, opts }] of held) {
      const url = data.req.url.replace('https://upstream.test', rig.upstream.url);
      const { priority, delay } = (opts ?? {}) as { priority?: number; delay?: number };
      await rig.bull.add(
        'fetch',
        // Kept, so that this test can read them.
        { ...data, req: { ...data.req, url }, keepMs: data.keepMs ?? 60_000 },
        {
          // BullMQ has keys that are called meta and delay.
          jobId: `held-${name}`,
          attempts: 1000,
          backoff: { type: 'sluice' },
          ...(priority !== undefined && { priority }),
          ...(delay !== undefined && { delay }),
        },
      );
    }
    const responses = new Map<string, { body: string; meta: unknown }>();
    for (const [name] of held) {
      const { outcome, body } = await rig.sluice.job(`held-${name}`).outcome();
      expect({ name, ...outcome }).toMatchObject({ name, kind: 'response', response: { status: 200 } });
      responses.set(name, { body: new TextDecoder().decode(body), meta: outcome.meta });
    }
    await until(async () => (await rig.bull.getJobCountByTypes('wait', 'active', 'delayed')) === 0);
    expect(await rig.upstream.arrivals()).toHaveLength(held.length);

    if (version > 1) return;
    const echoed = (name: string) =>
      JSON.parse(responses.get(name)!.body) as { method: string; headers: object; body: string };
    expect(echoed('headers').headers).toMatchObject({ 'x-trace': 'a', accept: 'text/plain' });
    expect(echoed('body-text')).toMatchObject({ method: 'POST', body: 'Grüße' });
    expect(echoed('body-base64')).toMatchObject({ method: 'PUT', body: '\u0000\u0001\u0002\u0003' });
    expect(echoed('body-form').body).toBe('a=1&b=x+y');
    expect(echoed('idempotency-key').headers).toMatchObject({ 'idempotency-key': 'order-7' });
    expect(responses.get('transform')!.body).toBe('Grüße');
    expect(responses.get('meta')!.meta).toEqual({ order: 7, tags: ['a'] });
    expect(await rig.sluice.batch('nightly').progress()).toMatchObject({ ended: 1, failed: 0 });
    const replies = await rig.redis.xlen(rig.keys.replies('6f1c0c5e-8f6e-4f0a-9a53-0d6d2c4be7a1'));
    expect(replies).toBe(1);
  });
});

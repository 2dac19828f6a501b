import { describe, expect, test } from 'vitest';
import { policySchema } from '@sluice/shared';
import type { TakenJob } from '../src/job/taken-job.ts';
import { admit } from '../src/pipeline/admit.ts';

const now = 1_000_000;
const anyPolicy = policySchema.parse({});
const job = (data: unknown): TakenJob => ({
  queue: 'q',
  id: 'id',
  token: 'token',
  data,
  attemptsMade: 0,
  stalls: 0,
  takenAt: 0,
  waitedMs: 0,
  signal: new AbortController().signal,
});

describe('a job is admitted', () => {
  const data = { v: 1, at: now, req: { url: 'http://a.test/', method: 'GET', headers: {} } };

  test('when it can be read', () => {
    expect(admit(job(data), anyPolicy, now)).toMatchObject({ type: 'admitted', envelope: data });
  });

  test('not with a field that it does not know, which could mean anything; its caller is told', () => {
    expect(admit(job({ ...data, later: true, replyTo: 'me' }), anyPolicy, now)).toMatchObject({
      type: 'poison',
      addressee: { replyTo: 'me' },
      message:
        'the job cannot be read: later: unknown field; check its spelling or remove it; its raw data is kept',
    });
  });

  test('until its deadline, and not at it', () => {
    expect(admit(job({ ...data, deadline: now + 1 }), anyPolicy, now).type).toBe('admitted');
    expect(admit(job({ ...data, deadline: now }), anyPolicy, now).type).toBe('expired');
  });

  test('later, if a newer producer wrote it: a newer worker will read it', () => {
    expect(admit(job({ ...data, v: 2, req: 'in another form' }), anyPolicy, now)).toEqual({ type: 'newer' });
  });

  test('with its header names in lower case', () => {
    const req = { ...data.req, headers: { 'X-A': 'B' } };
    expect(admit(job({ ...data, req }), anyPolicy, now)).toMatchObject({
      type: 'admitted',
      envelope: { req: { headers: { 'x-a': 'B' } } },
    });
  });

  test('not if its request must never be sent; its caller is told', () => {
    const req = { ...data.req, headers: { host: 'b.test' } };
    expect(admit(job({ ...data, req, replyTo: 'me' }), anyPolicy, now)).toMatchObject({
      type: 'blocked',
      addressee: { replyTo: 'me' },
      message: expect.stringContaining('the header "host" belongs to the connection') as string,
    });
  });

  test('not if its worker was lost too often while it ran; its caller is told', () => {
    expect(admit({ ...job(data), stalls: 10 }, anyPolicy, now).type).toBe('admitted');
    expect(admit({ ...job(data), stalls: 11 }, anyPolicy, now)).toMatchObject({
      type: 'poison',
      addressee: data,
    });
  });

  test.each([
    null,
    undefined,
    'text',
    7,
    [],
    {},
    { ...data, v: 0 },
    { ...data, v: '1' },
    { ...data, v: 1.5 },
    { ...data, v: undefined },
    { ...data, req: { ...data.req, method: 'BREW' } },
  ])('not as %j: it is poison, with the place of the fault', (bad) => {
    expect(admit(job(bad), anyPolicy, now)).toMatchObject({
      type: 'poison',
      addressee: {},
      message: expect.stringMatching(/^the job cannot be read: /) as string,
    });
  });
});

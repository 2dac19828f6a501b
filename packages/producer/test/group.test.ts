import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../worker/test/rig.ts';
import type { FetchResponse, Group, JobError } from '../src/index.ts';

let rig: Rig;
beforeAll(async () => {
  // Two run at once: the third waits.
  rig = await Rig.open({ policy: { concurrency: 2 } });
});
beforeEach(async () => {
  await rig.quiet();
  await rig.upstream.reset();
});
afterAll(() => rig[Symbol.asyncDispose]());

const blocked = 'http://169.254.169.254/latest/meta-data';

/** The group's error. */
async function failureOf(body: (group: Group) => Promise<unknown>): Promise<AggregateError> {
  const error: unknown = await rig.sluice.group(body).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(AggregateError);
  return error as AggregateError;
}

const codesOf = (error: AggregateError) => error.errors.map((one: JobError) => one.code);

describe('a group that succeeds', () => {
  test("gives the body's value", async () => {
    const statuses = await rig.sluice.group(async (group) => {
      const [one, two] = await Promise.all([
        group.fetch(rig.url('/status/201')),
        group.fetch(rig.url('/status/404')),
      ]);
      return [one.status, two.status];
    });
    expect(statuses).toEqual([201, 404]);
  });

  test('ends when all its jobs have ended, awaited or not', async () => {
    let last: FetchResponse | undefined;
    await rig.sluice.group(async (group) => {
      for (const n of [1, 2, 3]) void group.fetch(rig.url(`/item/${n}`));
      void group.fetch(rig.url('/delay/300')).then((response) => (last = response));
    });
    expect(last?.status).toBe(200);
    expect((await rig.upstream.arrivals()).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  test('may have no job at all', async () => {
    expect(await rig.sluice.group(async () => 'nothing')).toBe('nothing');
  });

  test('takes more jobs from those that end, also when the body has returned', async () => {
    const paths: string[] = [];
    await rig.sluice.group(async (group) => {
      const visit = async (depth: number): Promise<void> => {
        const { url } = await group.fetch(rig.url(`/item/${depth}`));
        paths.push(url);
        if (depth < 4) await visit(depth + 1);
      };
      void visit(1);
    });
    expect(paths).toEqual([1, 2, 3, 4].map((depth) => rig.url(`/item/${depth}`)));
  });
});

describe('one failure', () => {
  test('keeps those that wait from ever arriving and aborts the one that runs', async () => {
    const error = await failureOf(async (group) => {
      void group.fetch(rig.url('/hang?runs'));
      void group.fetch(rig.url('/hang?fails'), { timeoutMs: 300, attempts: 1 });
      for (const n of [1, 2, 3, 4, 5]) void group.fetch(rig.url(`/hang?waits=${n}`));
    });
    expect(codesOf(error)).toEqual(['SLUICE_TIMEOUT']);
    await rig.quiet();
    await rig.end('/item/afterwards');
    const seen = await rig.seen();
    expect(seen.slice(0, 2).sort()).toEqual(['GET /hang?fails', 'GET /hang?runs']);
    expect(seen.at(-1)).toBe('GET /item/afterwards');
    // The failure frees its slot before the group can hear of it: one more may begin, and is aborted.
    expect(seen.slice(2, -1).length).toBeLessThanOrEqual(1);
  });

  test('is the one in the AggregateError, with its outcome; the cancelled are not in it', async () => {
    const error = await failureOf(async (group) => {
      void group.fetch(rig.url('/hang?sibling'));
      void group.fetch(rig.url('/status/500'), { attempts: 1, meta: 'mine' });
    });
    expect(error.message).toContain("1 of the group's jobs failed");
    expect(error.errors).toHaveLength(1);
    expect(error.errors[0]).toMatchObject({
      name: 'JobError',
      code: 'SLUICE_HTTP_ERROR',
      outcome: { kind: 'http-error', attempts: 1, meta: 'mine', response: { status: 500 } },
    });
  });

  test('reaches the body through the fetch that it awaits', async () => {
    let seen: unknown;
    const error = await failureOf(async (group) => {
      const sibling = group.fetch(rig.url('/hang?awaited'));
      void group.fetch(blocked);
      await sibling.catch((error: unknown) => (seen = error));
    });
    expect(seen).toMatchObject({ code: 'SLUICE_CANCELLED' });
    expect(codesOf(error)).toEqual(['SLUICE_BLOCKED']);
  });

  test('that the body has caught is the failure of the group all the same', async () => {
    const error = await failureOf(async (group) => {
      await group.fetch(blocked).catch(() => 'never mind');
    });
    expect(codesOf(error)).toEqual(['SLUICE_BLOCKED']);
  });

  test('of a faulty spec cancels the others, too', async () => {
    const error = await failureOf(async (group) => {
      void group.fetch(rig.url('/hang?faulty'));
      void group.fetch('not a URL');
    });
    expect(codesOf(error)).toEqual(['SLUICE_INVALID_SPEC']);
    await rig.quiet();
  });

  test('closes the group: what the body starts afterwards is refused, and is no failure of its own', async () => {
    const error = await failureOf(async (group) => {
      await group.fetch(blocked).catch(() => {});
      void group.fetch(rig.url('/item/unheard'));
      await sleep(1); // an unhandled rejection would end the process here
      await group.fetch(rig.url('/item/late'));
    });
    expect(codesOf(error)).toEqual(['SLUICE_BLOCKED']);
    expect(await rig.seen()).toEqual([]);
  });

  test('and then a throw of the body are both in the AggregateError', async () => {
    const error = await failureOf(async (group) => {
      await group.fetch(blocked).catch(() => {});
      throw new RangeError('and this');
    });
    expect(error.errors).toEqual([
      expect.objectContaining({ code: 'SLUICE_BLOCKED' }),
      new RangeError('and this'),
    ]);
  });
});

describe('a throw in the body', () => {
  test('cancels the jobs that wait and those that run, and is in the AggregateError', async () => {
    const thrown = new Error('enough');
    const error = await failureOf(async (group) => {
      void group.fetch(rig.url('/hang?1'));
      void group.fetch(rig.url('/hang?2'));
      await rig.arrived(2);
      for (const n of [1, 2, 3]) void group.fetch(rig.url(`/item/${n}`));
      throw thrown;
    });
    expect(error.errors).toEqual([thrown]);
    await rig.quiet();
    await rig.end('/item/afterwards');
    expect((await rig.seen()).slice(2)).toEqual(['GET /item/afterwards']);
  });

  test('waits for the end of what it cancelled', async () => {
    const ends: string[] = [];
    await failureOf(async (group) => {
      group.fetch(rig.url('/hang?end')).catch((error: JobError) => ends.push(error.code));
      await rig.arrived(1);
      throw new Error('enough');
    });
    expect(ends).toEqual(['SLUICE_CANCELLED']);
  });
});

describe('a group used after its end', () => {
  test('refuses with SLUICE_GROUP_ENDED and enqueues nothing', async () => {
    let kept: Group | undefined;
    await rig.sluice.group(async (group) => void (kept = group));
    await expect(kept!.fetch(rig.url('/item/1'))).rejects.toMatchObject({
      code: 'SLUICE_GROUP_ENDED',
      message: 'the group has ended; it takes no more jobs',
    });
    expect(await rig.seen()).toEqual([]);
  });
});

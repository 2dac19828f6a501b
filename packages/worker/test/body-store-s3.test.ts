import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { S3Server } from '../../body-store/test/s3-server.ts';
import { patternBytes } from '../../../test/lab/upstream/bodies.ts';
import { Rig, quick } from './rig.ts';

Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' });

const open = async (s3: S3Server) => {
  const bodyStore = `s3://bodies/sluice?endpoint=${encodeURIComponent(s3.endpoint)}&region=eu-central-1`;
  return await Rig.open({
    env: { SLUICE_BODY_STORE: bodyStore },
    client: { bodyStore },
    policy: { retry: { ...quick, attempts: 2 }, store: { above: '256KiB', maxBody: '100MiB' } },
  });
};

test('large bodies go through S3: in one request or in parts', async () => {
  await using s3 = await S3Server.start();
  await using rig = await open(s3);
  for (const bytes of [300_000, 30_000_000]) {
    const response = await rig.sluice.fetch(rig.url(`/bytes/${bytes}`));
    expect(response.stored?.bytes).toBe(bytes);
    expect([...s3.objects.keys()]).toContain(`bodies/sluice/${response.stored?.key}`);
    expect(patternBytes(bytes).equals(await buffer(await response.stream()))).toBe(true);
  }
  expect((await rig.sluice.fetch(rig.url('/bytes/1000'))).stored).toBeUndefined();
});

test('a body that S3 does not take is a store-error with its reason, after another attempt', async () => {
  await using s3 = await S3Server.start();
  await using rig = await open(s3);
  s3.refuses = 'PUT object';
  const { outcome } = await rig.end('/bytes/300000');
  expect(outcome).toMatchObject({ kind: 'store-error', attempts: 2 });
  expect(outcome.error?.message).toContain('AccessDenied');
});

test('a body that is too large or breaks off leaves nothing in S3', async () => {
  await using s3 = await S3Server.start();
  await using rig = await open(s3);
  expect((await rig.end('/gzip/150000000')).outcome.kind).toBe('too-large');
  expect((await rig.end('/reset?after=9000000')).outcome.kind).toBe('network');
  expect(s3.objects.size + s3.uploads.size).toBe(0);
});

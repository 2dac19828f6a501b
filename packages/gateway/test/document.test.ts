import { validate } from '@readme/openapi-parser';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { type Sluice, connect } from '../../producer/src/index.ts';
import { type App, buildServer, open } from '../src/index.ts';

let sluice: Sluice;
let app: App;
let document: { paths: Record<string, Record<string, { responses: object; summary?: string }>> };
const host = { host: 'localhost' };

beforeAll(async () => {
  sluice = await connect({ redis: inject('redisUrl'), prefix: '{t-document}' });
  app = await buildServer({ sluice, authenticate: open, logger: pino({ level: 'silent' }) });
  document = (await app.inject({ url: '/openapi.json', headers: host })).json();
});

afterAll(async () => {
  await app.close();
  await sluice.close();
});

test('a strict parser takes the document', async () => {
  expect(await validate(structuredClone(document) as never)).toMatchObject({ valid: true });
});

/** The schemas in the document that say nothing, by their places. */
function empty(value: unknown, place: string, isSchema: boolean): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = Object.entries(value);
  if (isSchema && entries.length === 0) return [place];
  return entries.flatMap(([name, inner]) =>
    // `properties` has schemas by name; `additionalProperties: {}` is how JSON Schema says "anything".
    empty(inner, `${place}/${name}`, ['schema', 'items'].includes(name) || place.endsWith('/properties')),
  );
}

test('no schema in it is empty, and every operation says what it does', () => {
  expect(empty(document, '', false)).toEqual([]);
  const operations = Object.entries(document.paths).flatMap(([path, all]) =>
    Object.entries(all).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );
  expect(operations.length).toBeGreaterThan(20);
  for (const { name, operation } of operations) {
    expect(operation.summary, name).toMatch(/^[A-Z]/);
    expect(Object.keys(operation.responses), name).toContain('default');
  }
});

test('/docs comes from the package, with a policy that lets nothing in from elsewhere', async () => {
  const page = await app.inject({ url: '/docs/', headers: host });
  expect(page.statusCode).toBe(200);
  expect(page.headers['content-security-policy']).toContain("default-src 'self'");
  expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//);
  const script = /src="(\.?\/?[^"]+bundle[^"]*\.js)"/.exec(page.body)?.[1];
  const served = await app.inject({ url: new URL(script!, 'http://h/docs/').pathname, headers: host });
  expect(served.statusCode).toBe(200);
});

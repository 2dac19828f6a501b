import { expect, test } from 'vitest';
import { connectOptionsSchema } from '../../packages/producer/src/connect-options.ts';
import { jobSpecSchema, policySchema } from '../../packages/shared/src/index.ts';
import { membersOf } from '../../scripts/api-doc/members.ts';
import { apiPage } from '../../scripts/api-doc.ts';
import { readPage } from './pages.ts';

test('docs/api.md is what the sources say: npm run docs:api writes it', () => {
  expect(readPage('docs/api.md')).toBe(apiPage());
});

/** The names of the entries under a heading. */
function entriesOf(title: string): string[] {
  const section = readPage('docs/api.md')
    .split(/^## /m)
    .find((text) => text.startsWith(`${title}\n`));
  return [...(section ?? '').matchAll(/^- `(\w+)\??[:(]/gm)].map(([, name = '']) => name);
}

test.each([
  ['Job spec', jobSpecSchema],
  ['connect', connectOptionsSchema],
  ['Policy', policySchema],
] as const)('%s has every field that its schema takes, and no other', (title, schema) => {
  const fields = Object.keys((schema as { shape: object }).shape);
  expect(
    entriesOf(title)
      .filter((name) => name !== 'connect')
      .sort(),
  ).toEqual(fields.sort());
});

test('private and internal members stay out, and of overloads the implementation', () => {
  const source = `export class A<T> {
    readonly #secret = 1;
    /** What it is. @throws Error */
    readonly open: string;
    private closed = 1;
    constructor() {}
    /** Hidden. @internal */
    inner(): void {}
    /** One. */
    async get(a: string): Promise<T>;
    async get(a: number): Promise<T>;
    async get(a: unknown): Promise<T> { return a as T; }
  }`;
  expect(membersOf(source, 'A')).toEqual([
    { name: 'open', signature: 'open: string', text: 'What it is. Throws Error', deprecated: false },
    { name: 'get', signature: 'get(a: string): Promise<T>', text: 'One.', deprecated: false },
    { name: 'get', signature: 'get(a: number): Promise<T>', text: '', deprecated: false },
  ]);
  expect(() => membersOf(source, 'B')).toThrow('exports no B');
});

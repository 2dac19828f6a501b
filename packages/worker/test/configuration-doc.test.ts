import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { policySchema } from '@sluice/shared';
import { readWorkerConfig, workerConfigSchema } from '../src/config.ts';

const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

/** The items of the lists, `- \`name\`, default …: …`, of fields or of variables: name -> default, as the page writes it. */
function rows(kind: 'field' | 'variable'): Map<string, string> {
  const items = [...page.matchAll(/^(?:-|\|) `([^`]+)`(?:, default| +\|) (\(.+?\)|`[^`]+`)(?::| +\|)/gm)];
  return new Map(
    items
      .map(([, name, value]): [string, string] => [name!, value!])
      .filter(([name]) => name.startsWith('SLUICE_') === (kind === 'variable') && !/[ :]/.test(name)),
  );
}

/** The value in a cell; undefined where the default is a sentence in parentheses. */
function valueOf(cell: string): unknown {
  const text = /^`([^`]+)`$/.exec(cell)?.[1];
  if (text === undefined) {
    expect(cell, 'a default is `a value`, or (a sentence)').toMatch(/^\(.+\)$/);
    return undefined;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The fields of a JSON schema by their paths; objects by those of their fields. */
function schemaFields(schema: unknown, path: string): string[] {
  if (!isRecord(schema)) return [path];
  const either = (schema['anyOf'] as unknown[] | undefined) ?? [schema];
  const names = either.flatMap((one) =>
    isRecord(one) && isRecord(one['properties']) ? Object.entries(one['properties']) : [],
  );
  const under = names.flatMap(([name, field]) => schemaFields(field, path === '' ? name : `${path}.${name}`));
  // The page has a row for a nullable object itself, too.
  return under.length === 0 || either.length > 1 ? [path, ...under] : under;
}

/** The same of a value. */
function valueFields(value: unknown, path: string): string[] {
  if (!isRecord(value)) return [path];
  return Object.entries(value).flatMap(([name, field]) =>
    valueFields(field, path === '' ? name : `${path}.${name}`),
  );
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, name) => (isRecord(inner) ? inner[name] : undefined), value);
}

/** `a.b` and a value -> { a: { b: value } } */
function nested(path: string, value: unknown): Record<string, unknown> {
  return path.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Record<
    string,
    unknown
  >;
}

const jsonSchema = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

/** What is null by default, switched on: a rate and a store with their own defaults. */
const defaults = policySchema.parse({});
const switchedOn = policySchema.parse({ rate: { limit: 7, per: '1h' }, store: {} });

describe('docs/configuration.md', () => {
  test('has every field of a policy, and no other', () => {
    const known = new Set([...schemaFields(jsonSchema(policySchema), ''), ...valueFields(switchedOn, '')]);
    known.delete('concurrency');
    expect([...rows('field').keys()].sort()).toEqual([...known].sort());
  });

  test.each([...rows('field')])('has the default of %s: %s', (path, cell) => {
    const documented = valueOf(cell);
    const top = path.split('.')[0]!;
    const base = defaults[top as keyof typeof defaults] === null && top !== path ? switchedOn : defaults;
    if (documented === undefined) {
      // Optional, to be given, or it follows from other fields: it has no default of its own.
      const own = [
        'egress.ports',
        'egress.redirectBodies',
        'rate.limit',
        'rate.per',
        'rate.slack',
        'rate.burst',
        'rate.text',
        'keepFailed.awaited',
        'retryIf',
      ];
      expect(own).toContain(path);
      return;
    }
    // Written into a policy as the page has it, the default changes nothing.
    const merged = { ...nested(path, documented) };
    if (top === 'rate' && top !== path)
      merged['rate'] = { limit: 7, per: '1h', ...(merged['rate'] as object) };
    expect(at(policySchema.parse(merged), path)).toEqual(at(base, path));
  });

  test('has every variable of a worker, with its default', () => {
    const { properties } = jsonSchema(workerConfigSchema) as { properties: Record<string, unknown> };
    const documented = rows('variable');
    expect([...documented.keys()].sort()).toEqual(Object.keys(properties).sort());
    const given = [...documented].flatMap(([name, cell]): [string, string][] => {
      const text = /^`([^`]+)`$/.exec(cell)?.[1];
      return text === undefined ? [] : [[name, text]];
    });
    expect(readWorkerConfig(Object.fromEntries(given))).toEqual(readWorkerConfig({}));
    const without = Object.keys(properties).filter((name) => !given.some(([known]) => known === name));
    expect(without.sort()).toEqual(['SLUICE_BODY_STORE', 'SLUICE_EGRESS_MAX', 'SLUICE_TRANSFORMS']);
  });
});

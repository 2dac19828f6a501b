import { z } from 'zod';
import { headerFaults } from '../egress/judge-request.ts';

/** The headers of a request: a record, `Headers`, or name and value in pairs. */
export type HeaderFields = Record<string, string> | Iterable<readonly [string, string]>;

const isIterable = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;

const isPair = (value: unknown): value is [string, unknown] =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string';

/** Pairs as a record. What is given twice is one field with both values, as in `Headers`. */
function asRecord(value: unknown): unknown {
  if (!isIterable(value)) return value;
  const fields: Record<string, unknown> = {};
  for (const pair of value) {
    if (!isPair(pair)) return value;
    const name = pair[0].toLowerCase();
    const before = Object.hasOwn(fields, name) ? `${String(fields[name])}, ` : '';
    fields[name] = before === '' ? pair[1] : `${before}${String(pair[1])}`;
  }
  return fields;
}

/** Headers in any form. The parsed value is a record. */
export const headersSchema = z.preprocess(
  asRecord,
  z
    .record(z.string(), z.string({ error: 'must be text' }), {
      error: 'expected a record of texts, Headers, or [name, value] pairs',
    })
    .superRefine((fields, ctx) => {
      for (const [name, value] of Object.entries(fields)) {
        for (const message of headerFaults(name, value)) {
          ctx.addIssue({ code: 'custom', message, path: [name] });
        }
      }
    }),
) as unknown as z.ZodType<Record<string, string>, HeaderFields>;

import type { FastifySchemaCompiler, FastifyTypeProvider } from 'fastify';
import { SluiceError, validate } from '@sluice/shared';
import type { z } from 'zod';

/** The types of a route's parameters, query and body, from its zod schemas. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown;
  serializer: this['schema'] extends z.ZodType ? z.input<this['schema']> : unknown;
}

const documentation = new WeakSet();

/**
 * A schema that somebody else applies: the producer validates what it is given, so here it is for the document, and the
 * same work is not done twice.
 */
export function documented<S extends z.ZodType>(schema: S): z.ZodType<z.input<S>, z.input<S>> {
  const copy = schema.clone();
  documentation.add(copy);
  return copy as unknown as z.ZodType<z.input<S>, z.input<S>>;
}

/** Validates with a route's schema, with the sentences that every other part of Sluice has. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (value) => {
    if (documentation.has(schema)) return { value };
    try {
      const what = httpPart === 'body' ? 'the body' : `the ${httpPart}`;
      return { value: validate(schema, value, 'SLUICE_INVALID_REQUEST', what) };
    } catch (error) {
      if (httpPart === 'body' || !(error instanceof SluiceError)) return { error: error as Error };
      // Its faults point into the body; these are not in it, and the message names them.
      return { error: new SluiceError(error.code, error.message) };
    }
  };

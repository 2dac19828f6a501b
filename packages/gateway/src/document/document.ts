import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { problemSchema } from '../schema/answers.ts';

/** A zod schema as JSON Schema: what a caller sends, without references, which readers of OpenAPI take in many ways. */
function jsonSchema(schema: unknown): unknown {
  if (!(schema instanceof z.ZodType)) return schema;
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    reused: 'inline',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      // What zod cannot show still has a form.
      if (Object.keys(jsonSchema).length === 0) Object.assign(jsonSchema, formOf(zodSchema));
    },
  });
  return rest;
}

function formOf(schema: z.core.$ZodType): object {
  const { description } = z.globalRegistry.get(schema) ?? {};
  return { description: description ?? 'Any JSON value.' };
}

const content = (schemas: Record<string, { schema: unknown }>) =>
  Object.fromEntries(
    Object.entries(schemas).map(([type, { schema }]) => [type, { schema: jsonSchema(schema) }]),
  );

const isByType = (schema: unknown): schema is { content: Record<string, { schema: unknown }> } =>
  typeof schema === 'object' && schema !== null && 'content' in schema;

function shown(schema: unknown): unknown {
  return isByType(schema) ? { content: content(schema.content) } : jsonSchema(schema);
}

const problem = {
  description: 'Problem details',
  content: { 'application/problem+json': { schema: jsonSchema(problemSchema) } },
};

/** /openapi.json and /docs, from the schemas of the routes that are registered after this. */
export async function documentRoutes(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Sluice',
        version,
        description: 'Outbound HTTP requests under one rate limit, however many processes make them.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      // Where the document came from.
      servers: [{ url: '/' }],
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    transform: ({ schema, url }) => {
      const { params, querystring, headers, body, response, ...rest } = (schema ?? {}) as Record<
        string,
        unknown
      >;
      const answers = Object.entries((response ?? {}) as Record<string, unknown>).map(([status, one]) => {
        const description = describedAs(one);
        const form = shown(one);
        return [status, { description, ...(form as object) }];
      });
      return {
        url,
        schema: {
          ...rest,
          ...(params !== undefined && { params: jsonSchema(params) }),
          ...(querystring !== undefined && { querystring: jsonSchema(querystring) }),
          ...(headers !== undefined && { headers: jsonSchema(headers) }),
          ...(body !== undefined && { body: shown(body) }),
          response: { ...Object.fromEntries(answers), default: problem },
        },
      };
    },
  });
  // Its files are in its package: nothing comes from elsewhere.
  await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, uiConfig: { deepLinking: true } });
  app.get('/openapi.json', { config: { scope: null }, schema: { hide: true } }, async (_request, reply) => {
    void reply.type('application/json');
    return app.swagger();
  });
}

function describedAs(schema: unknown): string {
  if (!(schema instanceof z.ZodType)) return 'The answer';
  return z.globalRegistry.get(schema)?.description ?? 'The answer';
}

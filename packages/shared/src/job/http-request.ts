import { z } from 'zod';
import { methods } from '../fields/methods.ts';

/** The request as a worker sends it: the spec with defaults, one form of body, lower-case header names. */
export const httpRequestSchema = z.strictObject({
  url: z.string(),
  method: z.enum(methods),
  headers: z.record(z.string(), z.string()),
  /** UTF-8 text, unless `base64` is set. */
  body: z.string().optional(),
  base64: z.literal(true).optional(),
});
export type HttpRequest = z.infer<typeof httpRequestSchema>;

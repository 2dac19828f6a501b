import type { Sluice } from '@sluice/producer';
import { z } from 'zod';
import type { App } from '../app.ts';
import { workerSchema } from '../schema/answers.ts';

/** The workers that are alive. */
export function workerRoutes(app: App, sluice: Sluice): void {
  app.get(
    '/v1/workers',
    {
      config: { scope: 'metrics' },
      schema: {
        summary: 'List the workers that are alive',
        response: { 200: z.object({ workers: z.array(workerSchema) }) },
      },
    },
    async () => ({ workers: await sluice.workers() }),
  );
}

import type { Sluice } from '@sluice/producer';
import { queueNameSchema } from '@sluice/shared';
import { z } from 'zod';
import type { App } from '../app.ts';

const at = z.strictObject({ queue: queueNameSchema });

/** What operators do with queues. */
export function queueRoutes(app: App, sluice: Sluice): void {
  app.get('/v1/queues', { config: { scope: 'read' } }, async ({ caller }) => {
    const names = await sluice.queues.list();
    return { queues: names.filter((name) => caller.may('read', name)) };
  });
  app.get(
    '/v1/queues/:queue',
    { config: { scope: 'read' }, schema: { params: at } },
    async ({ params }) => await sluice.queues.show(params.queue),
  );
}

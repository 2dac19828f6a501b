import { z } from 'zod';

/** What happens after a crash between the request and its outcome: it is sent again, or never again. */
export const deliverySchema = z.enum(['at-least-once', 'at-most-once']);

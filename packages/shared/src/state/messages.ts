import { z } from 'zod';

/** What is published on the events channel: a nudge to look at Redis now. A lost message costs time, never truth. */
const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('policy'), queue: z.string() }),
  z.object({ type: z.literal('hold'), queue: z.string(), origin: z.string(), ms: z.number() }),
  z.object({ type: z.literal('release'), queue: z.string() }),
  z.object({ type: z.literal('cancel'), queue: z.string(), id: z.string() }),
]);

export type Message = z.infer<typeof messageSchema>;

export function encodeMessage(message: Message): string {
  return JSON.stringify(message);
}

/** Null for what this version does not know: a newer producer may say more. */
export function decodeMessage(text: string): Message | null {
  try {
    return messageSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

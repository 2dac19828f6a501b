// What fragments of the pages take for granted: `sluice` is a connected client. Whole programs declare their own.
import type { FetchResponse, Handle, Sluice } from '@sluice/producer';

declare global {
  const sluice: Sluice;
  const handle: Handle;
  const response: FetchResponse;
  type Price = { item: string; cents: number };
  function parsePrices(html: string): Price[];
}

// A transform of the workers: SLUICE_TRANSFORMS=total=examples/asyncio/transforms/total.ts
import type { TransformInput } from '@sluice/worker';

/** It may be as heavy as it likes: it runs in a thread of its own. */
export function transform({ body, meta }: TransformInput): { total: number; unit: unknown } {
  const { list } = JSON.parse(new TextDecoder().decode(body)) as { list?: number[] };
  if (list === undefined) throw new Error('there is no list');
  return { total: list.reduce((sum, n) => sum + n, 0), unit: meta };
}

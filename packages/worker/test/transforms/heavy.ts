import type { Transform } from '../../src/index.ts';

/** Keeps a thread busy for `meta` ms. */
export const transform: Transform = ({ body, meta }) => {
  const until = performance.now() + Number(meta);
  let rounds = 0;
  while (performance.now() < until) rounds += 1;
  return { bytes: body.length, worked: rounds > 0 };
};

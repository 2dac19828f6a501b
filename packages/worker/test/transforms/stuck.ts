import { writeFileSync } from 'node:fs';
import type { Transform } from '../../src/index.ts';

/** Never returns; marks the time in the file that `meta` names, as long as it lives. */
export const transform: Transform = ({ meta }) => {
  for (;;) if (typeof meta === 'string') writeFileSync(meta, String(Date.now()));
};

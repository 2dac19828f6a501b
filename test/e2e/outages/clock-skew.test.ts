import { test } from 'vitest';
import { expectRetryAfterKept } from './skewed-workers.ts';

test.each([
  ['one that is fast, one that is slow', [1900, -1900], 500],
  ['two that are fast, two that are slow', [1900, 1900, -1900, -1900], 429],
  ['one that is fast', [1900], 429],
  ['one that is slow', [-1900], 500],
])(
  'workers whose clocks are wrong by less than the limit send nothing earlier than 250 ms before the end of a Retry-After: %s, %j, %i',
  (_what, skews, status) => expectRetryAfterKept(skews, status),
  60_000,
);

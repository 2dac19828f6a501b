import type { JobSpec } from '@sluice/shared';

/** One request of many: its URL, or a spec. */
export type Input = string | URL | JobSpec;

export type Specs = Iterable<Input> | AsyncIterable<Input>;

import type { Policy } from '@sluice/shared';

/** The policy of a queue that this process serves: the object stays, its policy changes. */
export type LivePolicy = { readonly name: string; policy: Policy; version: number };

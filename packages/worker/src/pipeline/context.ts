import type { Addressee } from '@sluice/shared';
import type { GuardedAgent } from '../http/agent.ts';
import type { Verdict } from '../job/verdict.ts';
import type { Holds } from '../limits/holds.ts';
import type { TicketContext } from '../limits/ticket.ts';
import type { Bodies } from '../results/bodies.ts';
import type { Slots } from '../slots.ts';
import type { Transforms } from '../transform/transforms.ts';
import type { Suspects } from './suspects.ts';

/** What a run needs of its process and queue; each step takes the part that it uses. */
export type RunContext = TicketContext & {
  agent: GuardedAgent;
  slots: Slots;
  holds: Holds;
  bodies: Bodies;
  transforms: Transforms;
  suspects: Suspects;
  /** Epoch ms. */
  now: () => number;
  /** In [0, 1). */
  random: () => number;
};

/** What a run led to: its verdict, and who receives the outcome. */
export type Ran = { verdict: Verdict; addressee: Addressee };

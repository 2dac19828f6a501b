import { type RawServerOptions, serverOptionNames } from '../server-options.ts';
import type { OptionNames } from '../variables.ts';

/** The options of `sluice worker`, as typed. */
export type RawWorkerOptions = RawServerOptions & { queues?: string; concurrency?: string };

/** Each option, and the variable that it stands for. */
export const workerOptionNames: OptionNames<RawWorkerOptions> = {
  ...serverOptionNames,
  queues: { variable: 'SLUICE_QUEUES', option: '--queues' },
  concurrency: { variable: 'SLUICE_CONCURRENCY', option: '--concurrency' },
};

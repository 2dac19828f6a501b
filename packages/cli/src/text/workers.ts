import type { WorkerRecord } from '@sluice/producer';

/** How many workers of which version serve a queue: `3 serve it (2 of 0.2.0, 1 of 0.3.0)`. Pure. */
export function workersText(workers: readonly WorkerRecord[]): string {
  if (workers.length === 0)
    return 'none has announced itself (those of 0.1 never do); start one: npx sluice worker';
  const versions = Map.groupBy(workers, ({ version }) => version);
  const each = [...versions]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, of]) => (versions.size === 1 ? version : `${of.length} of ${version}`));
  return `${workers.length} ${workers.length === 1 ? 'serves' : 'serve'} it (${each.join(', ')})`;
}

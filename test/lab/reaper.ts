// Started by test-run.ts with the run's id and folder. Waits until the process that started it is gone, then ends
// what the run left behind. Prints something only if there was anything.
import { rmSync } from 'node:fs';
import { removeContainers } from './containers.ts';
import { endMarked } from './leftovers.ts';

const [id = '', dir = ''] = process.argv.slice(2);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve).once('error', resolve));

const left = endMarked(id);
const containers = await removeContainers(id);
rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
if (left.length + containers.length > 0) {
  console.error(
    `tests: ended ${left.length} processes and ${containers.length} containers that were left running`,
  );
}

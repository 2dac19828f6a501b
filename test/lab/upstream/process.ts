// An upstream's own process, started by spawn.ts: serves, and answers on the IPC channel.
import { setPriority } from 'node:os';
import { clockOf } from './clock.ts';
import type { Answer, Ask, Control } from './control.ts';
import { type Upstream, startUpstream } from './server.ts';

// The timekeeper must not wait for a busy machine: its delay would look like the fleet's.
try {
  setPriority(-10);
} catch {
  // Not root, so a busy machine makes arrivals late.
}

let upstream: Upstream | undefined;

function running(): Upstream {
  if (!upstream) throw new Error('the upstream is not started');
  return upstream;
}

async function answer(question: Ask): Promise<Control[keyof Control]['answer']> {
  switch (question.verb) {
    case 'start':
      upstream = await startUpstream(question.ask.options, clockOf(question.ask.clock));
      return { url: upstream.url, port: upstream.port };
    case 'arrivalColumns':
      return running().arrivalColumns();
    case 'inFlight':
      return running().inFlight();
    case 'reset':
      await running().reset();
      return null;
    case 'set':
      await running().set(question.ask);
      return null;
    default:
      throw new Error('unknown question');
  }
}

function reply(message: Answer<keyof Control>): void {
  process.send?.(message);
}

process.on('message', (question: Ask) => {
  const { id } = question;
  answer(question).then(
    (value) => reply({ id, value }),
    (error: Error) => reply({ id, error }),
  );
});

// The channel closes when the parent disconnects and also when the parent is killed: end in either case.
process.on('disconnect', () => process.exit(0));

// Ctrl-C reaches the whole group; the parent may still have requests to drain here, and says when to go.
process.on('SIGINT', () => {});

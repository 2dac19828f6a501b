import { Shutdown } from './shutdown.ts';

// The only reader of process.env. Signals are handled before the rest is loaded, which takes a while.
const shutdown = new Shutdown();
const { runWorker } = await import('./worker-process.ts');
await runWorker(process.env, shutdown);

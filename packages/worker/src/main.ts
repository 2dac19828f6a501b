import { Shutdown } from './shutdown.ts';

// The only reader of process.env. The rest is loaded when signals are heeded: it takes a while.
const shutdown = new Shutdown();
const { runWorker } = await import('./worker-process.ts');
await runWorker(process.env, shutdown);

import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../packages/producer/src/index.ts';
import { type OwnRedis, startOwnRedis } from '../lab/own-redis.ts';
import { type TcpProxy, startTcpProxy } from '../lab/faults/tcp-proxy.ts';
import { temporaryFolder } from '../lab/test-run.ts';
import type { Origins } from './job-mix.ts';
import { ProducerSlot } from './producer-slot.ts';
import type { ProducerRecord } from './records.ts';
import { queue, settings } from './settings.ts';
import { type UpstreamProcess, startUpstreamProcess } from './upstream-process.ts';
import { WorkerSlot } from './worker-slot.ts';

/** Everything that runs: a server of its own, a proxy before it for each client process, and the processes. */
export interface Stage {
  redis: OwnRedis;
  origins: Origins;
  upstream: UpstreamProcess;
  workers: WorkerSlot[];
  producers: ProducerSlot[];
  /** Proxies by whose they are. */
  wires: { owner: string; proxy: TcpProxy }[];
  /** What ended that nobody had told to end. */
  crashes: string[];
  /** The logs of all producers that ever were. */
  logs(): { name: string; killed: boolean; log: ProducerRecord[] }[];
}

/** Starts it all; what was started ends with `stack`. */
export async function setStage(stack: AsyncDisposableStack, seed: number): Promise<Stage> {
  // With everysec, a server that is killed while it syncs loses what it has acknowledged in the meantime; that is its
  // own, and would hide what is ours.
  const redis = stack.use(await startOwnRedis(['--appendonly', 'yes', '--appendfsync', 'always']));
  const upstream = stack.use(await startUpstreamProcess());
  const { origins } = upstream;
  const { limit, perMs } = settings.rate;
  const client = await connect({ redis: redis.url });
  await client.policies.set(queue, {
    // Not adaptive: a 429 here is made up, and the rate must go on to show what the faults do to it.
    rate: { limit, per: perMs, adaptive: false },
    timeout: settings.timeoutMs,
    retry: { base: 200 },
    egress: { allow: ['127.0.0.0/8'] },
  });
  await client.close();

  const wires: Stage['wires'] = [];
  const wire = async (owner: string) => {
    const proxy = stack.use(await startTcpProxy(redis));
    wires.push({ owner, proxy });
    return `redis://${proxy.host}:${proxy.port}`;
  };
  const crashes: string[] = [];
  const workers: WorkerSlot[] = [];
  for (let n = 1; n <= settings.workers; n++) {
    const name = `worker ${n}`;
    workers.push(stack.use(new WorkerSlot(name, await wire(name), (text) => crashes.push(text))));
  }
  await Promise.all(workers.map((worker) => worker.start()));

  const folder = join(temporaryFolder('chaos'), 'logs');
  mkdirSync(folder);
  const producersWire = await wire('producers');
  const producers: ProducerSlot[] = [];
  for (let n = 1; n <= settings.producers; n++) {
    const options = { redis: producersWire, queue, origins, inFlight: settings.inFlight };
    const onCrash = (text: string) => void crashes.push(text);
    producers.push(stack.use(new ProducerSlot(n, seed, folder, options, onCrash)));
  }
  await Promise.all(producers.map((producer) => producer.start()));

  const logs = () => {
    const killed = new Set(producers.flatMap((producer) => producer.killed));
    return readdirSync(folder).map((file) => {
      const name = file.replace('.ndjson', '');
      return { name, killed: killed.has(name), log: readLog(join(folder, file)) };
    });
  };
  return { redis, origins, upstream, workers, producers, wires, crashes, logs };
}

function readLog(file: string): ProducerRecord[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  // What a kill cut off in the middle of a write is no line.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as ProducerRecord);
}

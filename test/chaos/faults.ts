import { setTimeout as sleep } from 'node:timers/promises';
import type { PlannedFault } from './plan.ts';
import type { FaultRecord } from './records.ts';
import type { Stage } from './stage.ts';

/** Carries faults out. Those of Redis take turns; all others may meet. */
export class Faults {
  readonly records: FaultRecord[] = [];
  /** Planned ones for which there was nobody to hit: all workers were down. */
  skipped = 0;
  readonly #stage: Stage;
  readonly #running = new Set<Promise<void>>();
  #redis: Promise<void> = Promise.resolve();

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Begins one. @returns its record, whose `end` is set when it is healed; null when there was nobody to hit */
  begin(fault: PlannedFault): void {
    const work = this.#carryOut(fault);
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  /** Resolves when all are healed. */
  async healed(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Faults that are not healed yet. */
  get open(): number {
    return this.#running.size;
  }

  async #carryOut({ kind, who, forMs }: PlannedFault): Promise<void> {
    const { workers, producers, wires, redis } = this.#stage;
    const serving = workers.filter((worker) => worker.serving);
    const worker = serving[Math.floor(who * serving.length)];
    const wire = wires[Math.floor(who * wires.length)]!;
    switch (kind) {
      case 'worker killed':
        return await this.#on(kind, worker, (target) => target.kill());
      case 'worker drained':
        return await this.#on(kind, worker, (target) => target.drain());
      case 'worker stopped':
        return await this.#on(kind, worker, (target) => target.stopFor(forMs));
      case 'redis killed':
        return await this.#inTurn(kind, async () => {
          await redis.kill();
          await sleep(forMs);
          await redis.restart();
        });
      case 'redis frozen':
        return await this.#inTurn(kind, async () => {
          await redis.kill('SIGSTOP');
          await sleep(forMs);
          await redis.kill('SIGCONT');
        });
      case 'connections cut':
        // Of everybody at once, or of one.
        if (who > 0.7) return await this.#note(kind, 'all', () => wires.forEach(({ proxy }) => proxy.cut()));
        return await this.#note(kind, wire.owner, () => wire.proxy.cut());
      case 'connections stalled':
        return await this.#note(kind, wire.owner, () => healAfter(wire.proxy, 'stall', forMs));
      case 'connections silent':
        return await this.#note(kind, wire.owner, () => wire.proxy.swallow());
      case 'network parted':
        return await this.#note(kind, wire.owner, () => healAfter(wire.proxy, 'partition', forMs));
      case 'producer killed': {
        const producer = producers[Math.floor(who * producers.length)]!;
        return await this.#note(kind, producer.name, () => producer.kill());
      }
    }
  }

  async #on<T extends { name: string }>(
    kind: FaultRecord['kind'],
    target: T | undefined,
    act: (target: T) => Promise<void> | void,
  ): Promise<void> {
    if (target === undefined) this.skipped += 1;
    else await this.#note(kind, target.name, () => act(target));
  }

  async #inTurn(kind: FaultRecord['kind'], act: () => Promise<void>): Promise<void> {
    const turn = this.#redis.then(() => this.#note(kind, 'redis', act));
    this.#redis = turn;
    await turn;
  }

  async #note(kind: FaultRecord['kind'], target: string, act: () => Promise<void> | void): Promise<void> {
    const record: FaultRecord = { kind, target, start: Date.now(), end: Number.POSITIVE_INFINITY };
    this.records.push(record);
    await act();
    record.end = Date.now();
  }
}

async function healAfter(proxy: Stage['wires'][number]['proxy'], fault: 'stall' | 'partition', ms: number) {
  proxy[fault]();
  await sleep(ms);
  proxy.heal();
}

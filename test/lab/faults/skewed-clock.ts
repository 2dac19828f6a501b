// Preloaded into a process by `withSkewedClock` (clock-skew.ts): moves its wall clock, and nothing else.
import { existsSync, readFileSync } from 'node:fs';

const file = process.env['SLUICE_TEST_CLOCK'];
const RealDate = Date;
let offsetMs = 0;
let readAt = Number.NEGATIVE_INFINITY;

/** Reads the file now and then, because a test may set the clock of a running process. */
function offset(): number {
  if (file !== undefined && performance.now() - readAt > 50) {
    readAt = performance.now();
    if (existsSync(file)) offsetMs = Number(readFileSync(file, 'utf8'));
  }
  return offsetMs;
}

const now = (): number => RealDate.now() + offset();

globalThis.Date = new Proxy(RealDate, {
  apply: (target) => new target(now()).toString(),
  construct: (target, args: unknown[], made) =>
    Reflect.construct(target, args.length === 0 ? [now()] : args, made) as Date,
  get: (target, name, receiver) => (name === 'now' ? now : (Reflect.get(target, name, receiver) as unknown)),
});

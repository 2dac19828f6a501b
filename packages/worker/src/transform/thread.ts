import { move, transferableSymbol, valueSymbol } from 'piscina';
import type { Exported, Transform, TransformTask, Transformed } from './contract.ts';

// Runs inside a thread of the pool. It imports nothing from the worker: all it knows about a job comes with the task.

function describe(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `it threw ${String(error)}`;
}

/** @param names of functions; the first that the module has */
async function load(href: string, names: readonly Exported[]): Promise<Transform> {
  const module = (await import(href)) as Record<string, unknown>;
  const name = names.find((one) => typeof module[one] === 'function');
  if (name !== undefined) return module[name] as Transform;
  const found = Object.keys(module).join(', ') || 'nothing';
  const wanted = names.map((one) => `"${one}"`).join(' or ');
  throw new TypeError(`it has no function named ${wanted} (it exports ${found})`);
}

/** The result as bytes, so that the loop of the process neither clones nor serialises it. */
function encode(result: unknown): Transformed {
  // A copy: the bytes may be part of a larger buffer, and they leave this thread.
  if (result instanceof Uint8Array) {
    return { ok: true, bytes: new Uint8Array(result), contentType: 'application/octet-stream' };
  }
  if (typeof result === 'string') {
    const bytes = new TextEncoder().encode(result);
    return { ok: true, bytes, contentType: 'text/plain; charset=utf-8' };
  }
  const json: string | undefined = JSON.stringify(result);
  if (json !== undefined) {
    return { ok: true, bytes: new TextEncoder().encode(json), contentType: 'application/json' };
  }
  const message = `it returned ${typeof result}, which is not a JSON value; return null for nothing`;
  return { ok: false, message };
}

async function perform({ module, run, input }: TransformTask): Promise<Transformed> {
  try {
    const loaded = await load(module, input === null ? ['transform', 'retryIf'] : [run]);
    return encode(input === null ? null : await loaded(input));
  } catch (error) {
    return { ok: false, message: describe(error) };
  }
}

/** One task of the pool. Never throws; the bytes of the result are moved, not copied. */
export async function answer(task: TransformTask): Promise<unknown> {
  const transformed = await perform(task);
  if (!transformed.ok) return transformed;
  return move({ [transferableSymbol]: transformed.bytes.buffer, [valueSymbol]: transformed });
}

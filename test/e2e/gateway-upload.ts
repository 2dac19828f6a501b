import { readFileSync } from 'node:fs';
import { setInterval } from 'node:timers/promises';
import type { served } from './gateway.ts';

/** What the image starts the gateway with: garbage is collected early, so that little of it is in memory. */
export const imageFlags = '--max-semi-space-size=4';

/** What an upload was answered with, and how its gateway's memory rose meanwhile. */
export type Upload = { answer: Record<string, unknown>; riseMb: number };

/**
 * Uploads lines as they are made, by a client that reads nothing before it has written all, and watches the memory of the
 * gateway.
 */
export async function upload(
  scene: Awaited<ReturnType<typeof served>>,
  path: string,
  lines: Iterable<string>,
): Promise<Upload> {
  const before = residentMb(scene.program.pid);
  let most = before;
  const done = new AbortController();
  const watching = (async () => {
    for await (const _ of setInterval(100, null, { signal: done.signal })) {
      most = Math.max(most, residentMb(scene.program.pid));
    }
  })().catch(() => {});
  try {
    const response = await fetch(`${scene.queue}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: ReadableStream.from(chunks(lines)),
      duplex: 'half',
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return { answer, riseMb: most - before };
  } finally {
    done.abort();
    await watching;
  }
}

/** Lines as bytes, some KB at once. */
function* chunks(lines: Iterable<string>): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  let text = '';
  for (const line of lines) {
    text += `${line}\n`;
    if (text.length < 16_384) continue;
    yield encoder.encode(text);
    text = '';
  }
  yield encoder.encode(text);
}

/** What a process holds in memory, MB; 0 where the system does not tell. */
function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
  } catch {
    return 0;
  }
}

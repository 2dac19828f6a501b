import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { SluiceError } from '@sluice/shared';
import type { BodyStore } from './body-store.ts';
import { interruptible } from './interruptible.ts';
import { checkedKey, expiryOf } from './key.ts';

/** Files being written. No key begins with a dot, so none can be read as a body. */
const partial = '.partial';

/** A file that nobody has written to for this long is abandoned, because no attempt lasts longer, ms. */
const abandonedMs = 3_600_000;

/** Like `mkdir` with `recursive`, which never returns where the system always says ENOENT (`/proc`). */
async function makeDirectory(path: string): Promise<void> {
  const made = await mkdir(path).then(
    () => '',
    (error: NodeJS.ErrnoException) => error.code,
  );
  if (made === '' || made === 'EEXIST') return;
  if (made === 'ENOENT' && dirname(path) !== path) await makeDirectory(dirname(path));
  // Another process may have made it first. If it cannot be made, this says why.
  await mkdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Flushes a directory's entries, so that a rename survives a power loss; does nothing where the system cannot. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

/** What `readdir` finds, or nothing: another sweep may have been faster. */
async function list(path: string): Promise<string[]> {
  return await readdir(path).catch(() => []);
}

/** Removes a file; false when it was not there. */
async function removed(path: string): Promise<boolean> {
  return await unlink(path).then(
    () => true,
    () => false,
  );
}

/** Bodies as files: `<directory>/<queue>/<expiry>-<uuid>`, written under another name and then renamed. */
export class FilesystemBodyStore implements BodyStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @throws SluiceError SLUICE_INVALID_CONFIG when the directory cannot be written to */
  async check(): Promise<void> {
    const probe = join(this.#directory, partial, randomUUID());
    try {
      await makeDirectory(dirname(probe));
      await (await open(probe, 'wx')).close();
      await unlink(probe);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new SluiceError(
        'SLUICE_INVALID_CONFIG',
        `the body store ${this.#directory} cannot be written to: ${reason}`,
        { cause: error },
      );
    }
  }

  async put(key: string, body: AsyncIterable<Uint8Array>, signal?: AbortSignal): Promise<void> {
    const path = this.#path(key);
    const temporary = join(this.#directory, partial, randomUUID());
    try {
      await makeDirectory(dirname(temporary));
      const file = await open(temporary, 'wx');
      try {
        for await (const chunk of interruptible(body, signal)) await file.writeFile(chunk);
        await file.sync();
      } finally {
        await file.close();
      }
      await makeDirectory(dirname(path));
      await rename(temporary, path);
      await syncDirectory(dirname(path));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {});
      throw error;
    }
  }

  async get(key: string): Promise<Readable> {
    const path = this.#path(key);
    try {
      return (await open(path, 'r')).createReadStream();
    } catch (error) {
      throw new SluiceError('SLUICE_BODY_STORE', `the body ${key} is not in the store, or has expired`, {
        cause: error,
      });
    }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true });
  }

  async sweep(now: number): Promise<number> {
    let gone = 0;
    for (const name of await list(join(this.#directory, partial))) {
      const path = join(this.#directory, partial, name);
      const written = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => now,
      );
      if (now - written > abandonedMs && (await removed(path))) gone += 1;
    }
    for (const queue of await list(this.#directory)) {
      if (queue === partial) continue;
      for (const name of await list(join(this.#directory, queue))) {
        const expiry = expiryOf(`${queue}/${name}`);
        if (expiry === null || expiry > now) continue;
        if (await removed(join(this.#directory, queue, name))) gone += 1;
      }
    }
    return gone;
  }

  close(): void {}

  /** The pattern of keys allows no way out of the directory. */
  #path(key: string): string {
    return join(this.#directory, checkedKey(key));
  }
}

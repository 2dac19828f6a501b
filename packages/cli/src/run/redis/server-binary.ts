import { execFile } from 'node:child_process';

/** The Redis server programs, in the order they are looked for. */
export const serverNames = ['redis-server', 'valkey-server'] as const;

/** What a server program says about itself, and whether it can be used. Pure. @param text of `--version` */
export function judgeServer(text: string): { version: string; usable: boolean } | null {
  const version = /\bv=(\d+\.\d+\.\d+)/.exec(text)?.[1];
  if (version === undefined) return null;
  const oldest = /valkey/i.test(text) ? 8 : 7;
  return { version, usable: Number.parseInt(version, 10) >= oldest };
}

function versionText(name: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(name, ['--version'], { timeout: 5000 }, (error, stdout) =>
      resolve(error === null ? stdout : null),
    );
  });
}

/** A server program on the PATH that is new enough; else why each one was passed over. */
export async function findServer(): Promise<{ name: string } | { skipped: string[] }> {
  const skipped: string[] = [];
  for (const name of serverNames) {
    const text = await versionText(name);
    if (text === null) continue;
    const server = judgeServer(text);
    if (server?.usable === true) return { name };
    skipped.push(
      `${name} is ${server === null ? 'of an unknown version' : `version ${server.version}, too old`}`,
    );
  }
  if (skipped.length === 0) skipped.push(`no ${serverNames.join(' or ')} on the PATH`);
  return { skipped };
}

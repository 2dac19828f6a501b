import type { ApiKey, KeyWithToken } from '@sluice/producer';
import { SluiceError, type Grant, graceSchema, scopes, validate } from '@sluice/shared';
import { type RawRedisOptions, oneStep, withSluice } from '../fleet-options.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { type Paint, paintFor } from '../text/colour.ts';
import { table } from '../text/table.ts';
import { relativeText } from '../text/when.ts';

const invalid = 'SLUICE_INVALID_CONFIG';

/** `stripe,github=enqueue,read` as a grant. Pure. @throws SluiceError SLUICE_INVALID_CONFIG */
function grantOf(typed: string): Grant {
  const [queues = '', names, ...rest] = typed.split('=');
  const words = (text: string) => text.split(',').map((word) => word.trim());
  if (names === undefined || rest.length > 0) {
    throw new SluiceError(invalid, `--grant: "${typed}" is not QUEUES=SCOPES, such as stripe=enqueue,read`);
  }
  const unknown = words(names).find((name) => !(scopes as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new SluiceError(
      invalid,
      `--grant: "${unknown}" is not a scope; the scopes are ${scopes.join(', ')}`,
    );
  }
  return { queues: words(queues), scopes: words(names) as Grant['scopes'] };
}

const grantText = ({ queues, scopes }: Grant) => `${queues.join(',')}=${scopes.join(',')}`;

/** The token alone on standard output, so that a script can keep it; what people want to know beside it. */
function print({ key, token }: KeyWithToken, raw: { json?: boolean }, io: ProcessIo, more: string): void {
  if (raw.json) {
    io.stdout.write(`${JSON.stringify({ key, token })}\n`);
    return;
  }
  io.terminal.write(`key ${key.id} ("${key.name}") ${more}; its token is shown this one time:\n`);
  io.stdout.write(`${token}\n`);
}

/** `sluice key create NAME --grant …`. */
export async function keyCreate(
  name: string,
  raw: RawRedisOptions & { grant: string[]; expires?: string; json?: boolean },
  io: ProcessIo,
): Promise<number> {
  const grants = raw.grant.map(grantOf);
  await withSluice(
    raw,
    io,
    async (sluice) => {
      const expiresIn = raw.expires ?? null;
      const made = await sluice.keys.create({ name, grants, expiresIn });
      const { expiresAt } = made.key;
      const until = expiresAt === null ? '' : `, expires ${relativeText(expiresAt, made.key.createdAt)}`;
      print(made, raw, io, `created${until}`);
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}

function listText(keys: readonly ApiKey[], now: number, paint: Paint): string {
  const rows = keys.map((key) => [
    key.id,
    key.name,
    key.grants.map(grantText).join(' '),
    `${relativeText(key.createdAt, now)} by ${key.createdBy}`,
    key.rotatedAt === null ? '' : relativeText(key.rotatedAt, now),
    key.expiresAt === null ? 'never' : key.expiresAt <= now ? 'expired' : relativeText(key.expiresAt, now),
  ]);
  return table([['ID', 'NAME', 'GRANTS', 'CREATED', 'ROTATED', 'EXPIRES'], ...rows], [], (cell, row) =>
    row === 0 ? paint('bold', cell) : cell,
  );
}

/** `sluice key list`. */
export async function keyList(raw: RawRedisOptions & { json?: boolean }, io: ProcessIo): Promise<number> {
  await withSluice(
    raw,
    io,
    async (sluice) => {
      const keys = await sluice.keys.list();
      if (raw.json) io.stdout.write(keys.map((key) => `${JSON.stringify(key)}\n`).join(''));
      else if (keys.length === 0) io.stdout.write('no API keys\n');
      else io.screen.write(listText(keys, Date.now(), paintFor(io.stdout, io.env)));
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}

/** `sluice key rotate ID`. @throws SluiceError SLUICE_KEY_MISSING */
export async function keyRotate(
  id: string,
  raw: RawRedisOptions & { grace: string; json?: boolean },
  io: ProcessIo,
): Promise<number> {
  const grace = validate(graceSchema, raw.grace, invalid, '--grace');
  await withSluice(
    raw,
    io,
    async (sluice) => {
      const made = await sluice.keys.rotate(id, { grace });
      const old =
        grace === 0 ? 'the old secret is no longer valid' : `the old secret is valid for ${raw.grace}`;
      print(made, raw, io, `rotated, ${old}`);
    },
    oneStep,
  );
  return exitCodes.allCompleted;
}

/** `sluice key revoke ID…`. @returns 2 when there is no key with one of the ids */
export async function keyRevoke(
  ids: string[],
  raw: RawRedisOptions & { json?: boolean },
  io: ProcessIo,
): Promise<number> {
  let code: number = exitCodes.allCompleted;
  await withSluice(
    raw,
    io,
    async (sluice) => {
      for (const id of ids) {
        let revoked = true;
        try {
          await sluice.keys.revoke(id);
        } catch (error) {
          if (!(error instanceof SluiceError) || error.code !== 'SLUICE_KEY_MISSING') throw error;
          revoked = false;
          code = exitCodes.someFailed;
        }
        if (raw.json) io.stdout.write(`${JSON.stringify({ id, revoked })}\n`);
        else io.screen.write(`${id}: ${revoked ? 'revoked' : 'there is no such key'}\n`);
      }
    },
    oneStep,
  );
  return code;
}

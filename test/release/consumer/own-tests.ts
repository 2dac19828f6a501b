// What a user's test does: no Redis, no worker, and nothing of Node's or undici's on its stderr.
import { testing } from '@sluice/testing';
import type { Sluice } from 'sluice';

type Client = Pick<Sluice, keyof Sluice>;

async function statusOf(client: Client, url: string): Promise<string> {
  const { status, attempts } = await client.fetch(url);
  return `${status} after ${attempts}`;
}

const sluice = testing({ upstream: ({ attempt }) => ({ status: attempt === 1 ? 503 : 200 }) });
console.log(await statusOf(sluice, 'https://api.example.com/'));
const [one] = await sluice.gather(['https://api.example.com/1']);
console.log(one.status);
await sluice.close();

// await fetch(url): performed by some worker, awaited here.
import { JobError, connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

await using sluice = await connect({ redis, queue: 'fetch', policy: { egress } });

const response = await sluice.fetch(`${upstream}/echo`, { json: { name: 'Ada' } });
const echo = response.json<{ method: string; body: string }>();
console.log(response.status, response.ok, response.headers.get('content-type'));
console.log(echo.method, echo.body);

// Any answer is a response, as in fetch().
const missing = await sluice.fetch(`${upstream}/status/404`);
console.log(missing.status, missing.ok);

// If there is no answer, or the last attempt gets one that says "try again", it is an error with a code.
try {
  await sluice.fetch(`${upstream}/status/503`, { attempts: 1 });
} catch (error) {
  if (error instanceof JobError) console.log(error.code, error.response?.status);
}

// Output:
// 200 true application/json
// POST {"name":"Ada"}
// 404 false
// SLUICE_HTTP_ERROR 503

// class APIClient: one API, one rate, parsed JSON.
import { ApiClient, StatusError } from '@sluice/producer';
import { z } from 'zod';
import { egress, redis, upstream } from './setting.ts';

await using api = new ApiClient({ baseUrl: upstream, rate: 100, per: 60, redis, policy: { egress } });

const Document = z.object({ ok: z.boolean(), list: z.array(z.number()) });
const document = await api.get('/json', { schema: Document });
console.log(document.ok, Math.max(...document.list));

const Echo = z.object({ method: z.string(), url: z.string(), body: z.string() });
const echo = await api.post('/echo', { name: 'Ada' }, { query: { page: 2 }, schema: Echo });
console.log(echo.method, echo.url, echo.body);

await api.delete('/status/404').catch((error: Error) => {
  if (error instanceof StatusError) console.log(error.code, error.response.status);
});

// Output:
// true 3
// POST /echo?page=2 {"name":"Ada"}
// SLUICE_STATUS 404

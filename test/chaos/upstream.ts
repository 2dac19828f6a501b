// The upstream of a chaos run, a process of its own: does with each request what the job's path says, and remembers it.
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { listen } from '../lab/listen.ts';
import type { RequestRecord } from './records.ts';

const log: RequestRecord[] = [];
const visits = new Map<string, number>();

/** `/p1.1-7/s500.ok`: the first request is answered with 500, all others with 200. */
function receive(request: IncomingMessage, response: ServerResponse): void {
  const t = Date.now();
  const [, job = '', script = ''] = (request.url ?? '').split('/');
  const visit = visits.get(job) ?? 0;
  visits.set(job, visit + 1);
  const steps = script.split('.');
  const step = steps[Math.min(visit, steps.length - 1)]!;
  const [verb = '', number = ''] = step.split('-');
  const key = request.headers['idempotency-key'];
  const record: RequestRecord = {
    job,
    t,
    step,
    end: 'open',
    tEnd: t,
    askedMs: verb === 'r429' ? Number(number) * 1000 : 0,
    idempotencyKey: typeof key === 'string' ? key : null,
  };
  log.push(record);
  request.resume();
  const end = (how: RequestRecord['end']) => {
    if (record.end !== 'open') return;
    record.end = how;
    record.tEnd = Date.now();
  };
  response.on('finish', () => end('answered'));
  response.on('close', () => end('left'));

  const answer = (status: number, headers: Record<string, string> = {}) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(`{"job":"${job}"}`);
  // Never quite at once, so that a fault finds requests under way.
  const waitMs = verb === 'slow' ? Number(number) : 5 + Math.random() * 150;
  if (verb === 'hang') return;
  const timer = setTimeout(() => {
    if (verb === 'reset') {
      end('reset');
      request.socket.resetAndDestroy();
    } else if (verb === 'r429') answer(429, { 'retry-after': number });
    else answer(verb.startsWith('s') && verb !== 'slow' ? Number(verb.slice(1)) : 200);
  }, waitMs);
  response.on('close', () => clearTimeout(timer));
}

const servers = [createServer(receive), createServer(receive)];
const urls: string[] = [];
for (const server of servers) {
  server.keepAliveTimeout = 75_000;
  server.requestTimeout = 0;
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 });
  urls.push(`http://127.0.0.1:${port}`);
}
process.on('message', () => {
  const now = Date.now();
  process.send?.({ type: 'log', log: log.map((one) => (one.end === 'open' ? { ...one, tEnd: now } : one)) });
});
process.on('disconnect', () => process.exit(0));
process.send?.({ type: 'urls', urls });

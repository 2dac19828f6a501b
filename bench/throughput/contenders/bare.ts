// Bare undici in one process: no queue, no second process, nothing shared. The cost without any of these.
import { Agent, request } from 'undici';
import { inParallel, serveProducer } from './serve.ts';
import { check, readSetting, urls } from './task.ts';

const { upstreamUrl, concurrency } = readSetting();
const dispatcher = new Agent({ connections: concurrency, pipelining: 1 });

serveProducer({
  run: (jobs) =>
    inParallel(urls(upstreamUrl, jobs), concurrency, async (url) => {
      const { statusCode, body } = await request(url, { dispatcher });
      check(statusCode, (await body.bytes()).length);
    }),
  fill: () => Promise.reject(new Error('there is no queue to fill')),
});

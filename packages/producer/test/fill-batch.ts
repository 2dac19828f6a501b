// A producer of a test: fills a batch, says how far it is, and waits to be killed.
import { connect } from '@sluice/producer';

const { REDIS_URL = '', PREFIX = '', QUEUE = '', URL_BASE = '', COUNT = '1', IDS = '' } = process.env;
const sluice = await connect({ redis: REDIS_URL, prefix: PREFIX, queue: QUEUE });

function* specs() {
  for (let n = 0; n < Number(COUNT); n++) {
    yield { url: `${URL_BASE}/item/${n}`, ...(IDS === '' ? {} : { id: `${IDS}-${n}` }) };
  }
}

let added = 0;
for await (const _ of sluice.enqueueMany(specs(), { batch: 'b' })) {
  if (++added % 100 === 0) process.send?.({ added });
}
process.send?.('filled');
setInterval(() => {}, 60_000);

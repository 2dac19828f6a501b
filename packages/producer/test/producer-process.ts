// A producer of a test: enqueues, says so, and waits for the outcomes.
import { connect } from '@sluice/producer';

const { REDIS_URL = '', PREFIX = '', QUEUE = '', URLS = '[]' } = process.env;
const sluice = await connect({ redis: REDIS_URL, prefix: PREFIX, queue: QUEUE });
const handles = await Promise.all((JSON.parse(URLS) as string[]).map((url) => sluice.enqueue(url)));
process.send?.('enqueued');
const statuses = await Promise.all(handles.map(async (handle) => (await handle.result()).status));
process.send?.({ statuses });
await sluice.close();

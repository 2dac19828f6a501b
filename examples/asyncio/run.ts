// asyncio.run(main()): what main opened is closed when it ends, even with an error.
import { connect } from '@sluice/producer';
import { egress, redis, upstream } from './setting.ts';

async function main(): Promise<void> {
  await using sluice = await connect({ redis, queue: 'run', policy: { egress } });
  const response = await sluice.fetch(`${upstream}/json`);
  console.log(response.status, response.text());
  throw new Error('closed all the same');
}

await main().catch((error: Error) => console.log(error.message));

// Output:
// 200 {"ok":true,"text":"Grüße","list":[1,2,3],"nothing":null}
// closed all the same

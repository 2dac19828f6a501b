// The upstream of compose.test.ts, run inside a container of the fleet's network by nothing but Node. Answers each
// request with its path, and GET /arrivals with when (ms) and from which address each of them came.
import { createServer } from 'node:http';

const arrivals: { at: number; from: string | undefined }[] = [];

createServer((request, response) => {
  if (request.url === '/arrivals') {
    response.end(JSON.stringify(arrivals));
    return;
  }
  arrivals.push({ at: performance.now(), from: request.socket.remoteAddress });
  response.end(request.url);
}).listen(8080, () => console.log('listening'));

// As process 1 of a container it is asked to end by SIGTERM, which has no default action there.
process.on('SIGTERM', () => process.exit(0));

import type { Command } from 'commander';
import { addNotes } from '../help/help.ts';
import type { ProcessIo } from '../process-io.ts';
import { addServerOptions } from '../server-options.ts';
import { gatewayCommand } from './run.ts';

const help = `
It serves the HTTP API until it is stopped: the same queues for every other language (docs/http.md). The paths are in
/openapi.json, and to be tried out at /docs. On this machine it asks for no keys; with --host it may listen on another
address, and then it does: "sluice key create" makes the first one.

Ctrl-C (or SIGTERM) stops it: /readyz says so at once; after a moment requests that wait for the end of a job are
answered with where to ask again, and the others may finish within --grace. Ctrl-C again stops at once. Jobs go on.

Log lines are JSON, on standard error. /livez and /readyz answer on the health port.

Environment: SLUICE_REDIS_URL, SLUICE_PREFIX, SLUICE_GATEWAY_PORT, SLUICE_GATEWAY_HOST, SLUICE_GATEWAY_POLICY,
SLUICE_GATEWAY_AUTH, SLUICE_GATEWAY_KEY_RATE, SLUICE_GATEWAY_TRUST_PROXY,
SLUICE_HEALTH_PORT, SLUICE_HEALTH_HOST, SLUICE_GRACE, SLUICE_BODY_STORE, SLUICE_LOG_LEVEL (docs/http.md). An option takes
precedence.

Exit code: 0 stopped, every request was answered; 1 bad usage, no Redis, or requests that were cut off.

Examples:
  sluice gateway
  sluice gateway --port 9000 --health-port 0
  sluice gateway --redis redis://redis.internal:6379 --log-level warn`;

/** `sluice gateway`: the HTTP API in the foreground. @param done called with the exit code */
export function addGatewayCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const command = addServerOptions(
    program.command('gateway').description('serve the HTTP API, in the foreground'),
    (own) =>
      own
        .option('--port <port>', 'port of the API; 0: any (default: SLUICE_GATEWAY_PORT, else 8000)')
        .option('--host <address>', 'address to listen on (default: SLUICE_GATEWAY_HOST, else 127.0.0.1)'),
  ).action(async (options) => done(await gatewayCommand(options, io)));
  addNotes(command, help);
}

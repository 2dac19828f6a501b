import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { inject } from 'vitest';
import { Rig, type RigOptions } from '../../worker/test/rig.ts';
import { type Sluice, connect } from '../../producer/src/index.ts';
import { type App, buildServer, open } from '../src/index.ts';
import type { ServerParts } from '../src/server.ts';
import { Waits } from '../src/waiting/waits.ts';

/** What the gateway answered. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- only the test knows what it asked for
export type Answer = { status: number; headers: Headers; text: string; json: <T = never>() => T };

/** A rig with a gateway in front of it, on a port of its own. */
export class GatewayRig implements AsyncDisposable {
  readonly rig: Rig;
  readonly app: App;
  readonly waits: Waits;
  readonly #client: Sluice;

  constructor(rig: Rig, app: App, waits: Waits, client: Sluice) {
    this.rig = rig;
    this.app = app;
    this.waits = waits;
    this.#client = client;
  }

  static async open(
    options: RigOptions = {},
    waits = new Waits(),
    parts: Pick<ServerParts, 'silenceMs'> = {},
  ): Promise<GatewayRig> {
    const rig = await Rig.open(options);
    const client = await connect({ redis: inject('redisUrl'), prefix: rig.prefix, whenDown: 'fail' });
    const logger = pino({ level: 'silent' });
    const app = await buildServer({ sluice: client, authenticate: open, logger, waits, ...parts });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return new GatewayRig(rig, app, waits, client);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.app.server.address() as AddressInfo).port}`;
  }

  /** Calls the API over a socket; `path` from the rig's queue on, or from the root. */
  async call(
    method: string,
    path: string,
    init: {
      json?: unknown;
      body?: string | ReadableStream;
      headers?: Record<string, string>;
      signal?: AbortSignal;
    } = {},
  ): Promise<Answer> {
    const { json, headers = {}, ...rest } = init;
    const url = path.startsWith('/') ? path : `/v1/queues/${this.rig.queue}/${path}`;
    const response = await fetch(`${this.url}${url.replace(/\/$/, '')}`, {
      method,
      headers: { ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      ...rest,
      ...(rest.body instanceof ReadableStream && { duplex: 'half' }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: () => JSON.parse(text) as never,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.waits.close();
    this.app.server.closeAllConnections();
    await this.app.close();
    await this.#client.close();
    await this.rig[Symbol.asyncDispose]();
  }
}

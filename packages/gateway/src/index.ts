export type { Authenticate, Caller } from './auth/caller.ts';
export { ByKey } from './auth/by-key.ts';
export { open } from './auth/open.ts';
export { type GatewayRedis, openGatewayRedis } from './gateway-redis.ts';
export { type ServerParts, buildServer } from './server.ts';
export type { App } from './app.ts';
export type { Problem } from './problems/problem.ts';

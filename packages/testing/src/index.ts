export { type TestingOptions, TestSluice, testing } from './testing.ts';
export type { TestClock } from './clock.ts';
export type { Answer, Upstream, UpstreamRequest } from './upstream.ts';

export type { BodyStore } from './body-store.ts';
export { bodyKey } from './key.ts';
export { openBodyStore } from './open.ts';
export { type BodyStoreLocation, bodyStoreUrlSchema } from './url.ts';

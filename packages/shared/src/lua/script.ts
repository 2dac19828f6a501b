/** A Redis script: one state transition, one name. `keys` is the number of its keys. */
export type Script = { name: string; keys: number; lua: string };

/** First line of the scripts that end jobs: they must run when Redis has reached maxmemory, or nothing would get less. */
export const whenFull = '#!lua flags=allow-oom\n';

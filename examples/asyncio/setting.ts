// The settings of the examples: Redis from SLUICE_REDIS_URL, the upstream from the first argument.
export const redis = process.env['SLUICE_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
export const upstream = process.argv[2] ?? 'http://127.0.0.1:8081';

/** The upstream of the examples is on this machine. Workers send nothing there unless a queue's policy allows it. */
export const egress = { allow: ['127.0.0.0/8'] };

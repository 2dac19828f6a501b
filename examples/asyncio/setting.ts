// What the examples are told: Redis by SLUICE_REDIS_URL, the upstream by their first argument.
export const redis = process.env['SLUICE_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
export const upstream = process.argv[2] ?? 'http://127.0.0.1:8080';

/** The upstream of the examples is on this machine, where workers send nothing unless a queue's policy says so. */
export const egress = { allow: ['127.0.0.0/8'] };

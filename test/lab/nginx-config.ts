import type { Arrival } from './upstream/arrivals.ts';

/** What nginx serves and how it limits. */
export interface NginxOptions {
  /** The folder whose files are served; symbolic links are followed. */
  root: string;
  /** `limit_req … rate`: requests per second, all clients together; to the nearest 1/60. */
  ratePerSecond: number;
  /** `limit_req … burst=N nodelay`: how far above the rate it admits before it rejects. */
  burst: number;
  /** The `Retry-After` of a rejection, in s. Default 1; null for none. */
  retryAfterSeconds?: number | null;
}

/**
 * The configuration: one process in the foreground (one pid to kill, one loop whose log is in order). Every file that
 * it writes is in `folder`.
 */
export function nginxConfig(options: NginxOptions & { folder: string; port: number }): string {
  const { root, ratePerSecond, burst, folder, port, retryAfterSeconds = 1 } = options;
  // r/m, because nginx takes only whole numbers: 2.5 requests per second are 150 per minute.
  const perMinute = Math.round(ratePerSecond * 60);
  if (!(perMinute >= 1)) throw new RangeError(`ratePerSecond must be at least 1/60: ${ratePerSecond}`);
  if (!(Number.isSafeInteger(burst) && burst >= 0)) throw new RangeError(`burst is out of range: ${burst}`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
master_process off;
pid "${folder}/nginx.pid";
error_log stderr notice;
events { worker_connections 4096; }
http {
  ${temporary.map((kind) => `${kind}_temp_path "${folder}/${kind}";`).join(' ')}
  log_format arrivals escape=default
    '$msec\\t$request_time\\t$status\\t$limit_req_status\\t$connection\\t$request_method\\t$request_uri';
  access_log "${folder}/access.log" arrivals;
  default_type application/octet-stream;
  keepalive_requests 1000000;
  # The key is a constant: one limit for all clients, as an API has for one credential.
  limit_req_zone all zone=all:1m rate=${perMinute}r/m;
  limit_req_status 429;
  limit_req_log_level info;
  map $status $retry_after { 429 "${retryAfterSeconds ?? ''}"; default ""; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    add_header Retry-After $retry_after always;
    location / {
      root "${root}";
      limit_req zone=all${burst > 0 ? ` burst=${burst} nodelay` : ''};
    }
    # Answered before any limit applies, and not logged.
    location = /-/fence { access_log off; return 204; }
  }
}
`;
}

/** The lines of that log as arrivals, in order of arrival: nginx writes them in the order in which answers ended. */
export function parseAccessLog(text: string): Arrival[] {
  const arrivals = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Arrival => {
      const [endedAt = '', took = '', status = '', verdict = '', connection = '', method = '', path = ''] =
        line.split('\t');
      const epoch = (Number(endedAt) - Number(took)) * 1000;
      return {
        t: epoch - performance.timeOrigin,
        epoch,
        method,
        path,
        status: Number(status),
        refused: verdict === 'REJECTED',
        socket: Number(connection),
      };
    });
  return arrivals.sort((a, b) => a.t - b.t);
}

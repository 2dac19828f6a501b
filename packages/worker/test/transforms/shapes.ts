import type { Transform } from '../../src/index.ts';

/** Returns whatever the request's `meta` asks for. */
export const transform: Transform = ({ status, headers, url, body, meta }) => {
  switch (meta) {
    case 'seen':
      return {
        status,
        type: headers['content-type'],
        url,
        bytes: body.length,
        first: [...body.subarray(0, 3)],
      };
    case 'text':
      return 'Grüße';
    case 'bytes':
      // A part of a shared buffer, as Node makes of small ones.
      return Buffer.from('bytes').subarray(1, 3);
    case 'later':
      return Promise.resolve([1, 2]);
    case 'null':
      return null;
    case 'nothing':
      return undefined;
    case 'circle': {
      const circle: { self?: unknown } = {};
      circle.self = circle;
      return circle;
    }
    case 'large':
      return new Uint8Array(2_000_000);
    case 'throw':
      throw new RangeError('no price on the page');
    case 'exit':
      return process.exit(3);
    default:
      throw meta;
  }
};

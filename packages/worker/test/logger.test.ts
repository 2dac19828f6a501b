import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { loggedError } from '@sluice/shared';

const parserError = () =>
  Object.assign(new Error('no HTTP'), { code: 'HPE_INVALID_CONSTANT', data: Buffer.from('SECRET') });

test('a log line has the name, message, stack, code and causes of an error, and nothing else', () => {
  const error = new Error('outer', {
    cause: Object.assign(parserError(), { command: { name: 'set', args: ['SECRET'] } }),
  });
  expect(loggedError(error)).toEqual({
    type: 'Error',
    message: 'outer',
    stack: error.stack,
    cause: {
      type: 'Error',
      message: 'no HTTP',
      stack: expect.any(String) as string,
      code: 'HPE_INVALID_CONSTANT',
    },
  });
});

test('circular causes end', () => {
  const error = new Error('round');
  error.cause = error;
  expect(JSON.stringify(loggedError(error)).match(/"round"/g)).toHaveLength(4);
});

test('the logger writes errors this way, also one that is logged by itself', () => {
  const module = new URL('../src/logger.ts', import.meta.url).href;
  const script = `
    import { createLogger } from ${JSON.stringify(module)};
    const log = createLogger('test', 'info');
    const error = Object.assign(new Error('no HTTP'), { data: Buffer.from('SECRET') });
    log.error({ err: error }, 'one');
    log.error(error);
  `;
  const { stderr } = spawnSync(
    process.execPath,
    ['--conditions=sluice-source', '--input-type=module', '--eval', script],
    {
      encoding: 'utf8',
    },
  );
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { msg: string; err: object });
  expect(lines.map(({ msg }) => msg)).toEqual(['one', 'no HTTP']);
  for (const { err } of lines) expect(Object.keys(err)).toEqual(['type', 'message', 'stack']);
});

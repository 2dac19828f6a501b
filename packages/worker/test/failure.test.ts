import { errors } from 'undici';
import { describe, expect, test } from 'vitest';
import { EgressBlocked } from '../src/http/egress-blocked.ts';
import { BadRedirect, BodyTooLarge, UnreadableHead, failureOf } from '../src/http/failure.ts';
import { AttemptTimeout } from '../src/http/attempt-timer.ts';

describe('an error means', () => {
  const coded = (code: string, message = 'it failed') => Object.assign(new Error(message), { code });

  test.each([
    ['blocked', new EgressBlocked('no')],
    ['blocked', new EgressBlocked('no')],
    ['blocked', new Error('wrapped', { cause: new EgressBlocked('no') })],
    ['timeout', new AttemptTimeout(5)],
    ['too-large', new BodyTooLarge(5)],
    ['too-large', new errors.ResponseExceededMaxSizeError('big')],
    ['bad-response', new BadRedirect('no')],
    ['bad-response', coded('Z_DATA_ERROR')],
    ['bad-response', coded('ERR_BROTLI_DECODER_ERROR')],
    ['bad-response', coded('HPE_INVALID_CONSTANT')],
    ['bad-response', new errors.HTTPParserError('Response does not match')],
    ['bad-response', new UnreadableHead(new errors.HTTPParserError('Response does not match'))],
    ['network', coded('ECONNRESET')],
    ['network', coded('ECONNREFUSED')],
    ['network', new errors.SocketError('other side closed')],
  ])('%s: %s, and the request is unsent until its first byte', (kind, error) => {
    expect(failureOf(error, true)).toMatchObject({ kind, unsent: false });
    expect(failureOf(error, false)).toMatchObject({ kind, unsent: true });
  });

  test('the message names the code once', () => {
    expect(failureOf(coded('ECONNRESET', ''), true)?.message).toBe('ECONNRESET');
    expect(failureOf(coded('ECONNRESET', 'read ECONNRESET'), true)?.message).toBe('read ECONNRESET');
    expect(failureOf(coded('ECONNRESET', 'gone'), true)?.message).toBe('gone (ECONNRESET)');
  });

  test.each([new Error('a bug'), new TypeError('x is not a function'), 'text', null])(
    'a fault of our own before the first byte, and an end of the attempt after it: %s',
    (error) => {
      expect(failureOf(error, false)).toBeNull();
      expect(failureOf(error, true)).toMatchObject({ kind: 'internal', unsent: false });
    },
  );
});

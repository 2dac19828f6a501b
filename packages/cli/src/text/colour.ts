import { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Gives a text a colour; without colours it is the text as it is. The text must be `printable` already. */
export type Paint = (style: Style, text: string) => string;

/** No colours. */
export const plain: Paint = (_style, text) => text;

const coloured: Paint = (style, text) => styleText(style, text, { validateStream: false });

/**
 * Whether text on a stream has colours, by Node's own rules: on a terminal, unless NO_COLOR is set or TERM is `dumb`;
 * with FORCE_COLOR in a pipe, too.
 */
export function hasColours(
  stream: NodeJS.WriteStream,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (!env['FORCE_COLOR'] && !stream.isTTY) return false;
  // A pipe has no such method; it looks at nothing but the environment.
  return WriteStream.prototype.getColorDepth.call(stream, { ...env }) > 1;
}

/** Colours where the stream has them. */
export function paintFor(
  stream: NodeJS.WriteStream,
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  return hasColours(stream, env) ? coloured : plain;
}

/** For text whose writer takes the colours out again where they do not belong, as commander does. */
export const always: Paint = coloured;

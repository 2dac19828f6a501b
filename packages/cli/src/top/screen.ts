import type { Readable } from 'node:stream';
import type { ReadStream } from 'node:tty';

const csi = '\u001b[';

/** The other screen, without a cursor, and without lines that go on in the next one. */
const enter = `${csi}?1049h${csi}?25l${csi}?7l`;
const leave = `${csi}?7h${csi}?25h${csi}?1049l`;

/** What a key means. */
export type Key = 'end' | 'up' | 'down' | 'page-up' | 'page-down' | 'top';

const keys = new Map<string, Key>([
  ['q', 'end'],
  ['Q', 'end'],
  // Ctrl-C and Ctrl-D: the terminal does not turn them into signals now.
  ['\u0003', 'end'],
  ['\u0004', 'end'],
  ['k', 'up'],
  [`${csi}A`, 'up'],
  ['j', 'down'],
  [`${csi}B`, 'down'],
  [`${csi}5~`, 'page-up'],
  [`${csi}6~`, 'page-down'],
  [' ', 'page-down'],
  ['g', 'top'],
  [`${csi}H`, 'top'],
]);

/** The keys in what was typed: several may come at once. Pure. */
export function keysIn(text: string): Key[] {
  // oxlint-disable-next-line no-control-regex -- keys are control characters
  const parts = text.match(/\u001b\[[0-9;]*[A-Za-z~]|[^]/g) ?? [];
  return parts.flatMap((part) => keys.get(part) ?? []);
}

/** A terminal that is drawn on. */
export type Screen = Disposable & {
  /** Replaces what is shown. */
  draw(lines: readonly string[]): void;
};

/**
 * Takes over the terminal. Disposing of it gives the terminal back as it was; so does the end of the process, however
 * it ends short of SIGKILL.
 * @param onKey called for each key that means something
 * @param onResize called when the terminal has another size
 */
export function openScreen(
  stdin: Readable & { isTTY?: boolean },
  stdout: NodeJS.WriteStream,
  onKey: (key: Key) => void,
  onResize: () => void,
): Screen {
  const keyboard = stdin.isTTY === true ? (stdin as ReadStream) : null;
  const wasRaw = keyboard?.isRaw ?? false;
  const listen = (chunk: Buffer | string) => {
    for (const key of keysIn(String(chunk))) onKey(key);
  };
  let isOpen = true;
  const restore = () => {
    if (!isOpen) return;
    isOpen = false;
    keyboard?.setRawMode(wasRaw);
    stdout.write(leave);
  };
  process.once('exit', restore);
  stdout.write(enter);
  keyboard?.setRawMode(true);
  stdin.on('data', listen);
  stdout.on('resize', onResize);
  return {
    // A line is erased before it is written: after one as wide as the terminal, that would take its last character.
    draw: (lines) => void stdout.write(`${csi}H${lines.map((line) => `${csi}K${line}`).join('\r\n')}${csi}J`),
    [Symbol.dispose]() {
      stdin.off('data', listen);
      stdin.pause();
      stdout.off('resize', onResize);
      process.off('exit', restore);
      restore();
    },
  };
}

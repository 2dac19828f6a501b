import type { Readable } from 'node:stream';

/** What a command uses of its process. Made in main.ts, so that nothing else touches the process. */
export type ProcessIo = {
  env: Readonly<Record<string, string | undefined>>;
  stdin: Readable & { isTTY?: boolean };
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  /**
   * Standard output for colours, and for a display that moves the cursor. Text from others must be made `printable`
   * first.
   */
  screen: NodeJS.WriteStream;
  /** Standard error for a display that moves the cursor. Text from others must be made `printable` first. */
  terminal: NodeJS.WriteStream;
  /** Aborts on the first Ctrl-C, SIGTERM or SIGHUP; its reason is the exit code. */
  interrupt: AbortSignal;
  /** What Ctrl-C does; a command may change it. */
  stopping: Stopping;
};

/** What Ctrl-C does besides aborting `interrupt`. */
export type Stopping = {
  /** What the user is told at the first one. */
  text: string;
  /** What the second one does, with the exit code that belongs to it: most commands end at once. */
  again: (code: number) => void;
};

/** `fault`: bad usage, or something that the command needs does not work. */
export const exitCodes = { allCompleted: 0, fault: 1, someFailed: 2 } as const;

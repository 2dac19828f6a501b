import { Presets, SingleBar } from 'cli-progress';
import { printable } from '../../text/printable.ts';
import type { Progress } from './meter.ts';

/** Shows where a run stands, on standard error. */
export type Display = {
  progress: (progress: Progress) => void;
  /** A line of text, not torn by the bar. */
  line: (text: string) => void;
  /** Ends the bar; lines can still be shown. */
  stop: () => void;
};

/** Shows lines, and no progress. */
export function quietDisplay(stream: NodeJS.WritableStream): Display {
  return { progress: () => {}, line: (text) => void stream.write(`${text}\n`), stop: () => {} };
}

const everyMs = 5000;

/** A line every few seconds, for logs. */
export function lineDisplay(stream: NodeJS.WritableStream, now: () => number): Display {
  let last = now();
  return {
    progress(progress) {
      if (now() - last < everyMs) return;
      last = now();
      stream.write(`${progressLine(progress)}\n`);
    },
    line: (text) => void stream.write(`${text}\n`),
    stop: () => {},
  };
}

/** A bar, for terminals. */
export function barDisplay(stream: NodeJS.WriteStream): Display {
  const bar = new SingleBar(
    {
      stream,
      format: '{bar} {value}/{total}  {text}',
      barsize: 28,
      hideCursor: true,
      fps: 8,
      // We handle Ctrl-C ourselves.
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  let started = false;
  const stop = () => {
    if (started) bar.stop();
    started = false;
    process.off('exit', stop);
  };
  return {
    progress(progress) {
      const ended = progress.completed + progress.failed;
      const text = countsText(progress);
      if (started) return bar.update(ended, { text });
      started = true;
      // It hides the cursor, which must come back however the process ends.
      process.once('exit', stop);
      bar.start(progress.total, ended, { text });
    },
    line(text) {
      if (started) stream.write('\r\x1b[K');
      stream.write(`${printable(text)}\n`);
    },
    stop,
  };
}

/** `1200/2000 (60 %)  1198 done, 2 failed, …`. Pure. */
export function progressLine(progress: Progress): string {
  const { completed, failed, total } = progress;
  const percent = total === 0 ? 100 : Math.floor(((completed + failed) / total) * 100);
  return `${completed + failed}/${total} (${percent} %)  ${countsText(progress)}`;
}

function countsText({ completed, failed, requestsPerSecond, rateLimited, secondsLeft }: Progress): string {
  const speed = requestsPerSecond >= 10 ? requestsPerSecond.toFixed(0) : requestsPerSecond.toFixed(1);
  const left = secondsLeft === null ? '' : `, ${timeText(secondsLeft)} left`;
  return `${completed} done, ${failed} failed, ${speed} requests/s, ${rateLimited} x 429${left}`;
}

/** `4 s`, `2 min 5 s`, `3 h 10 min`. Pure. */
export function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

import { type Dispatcher, interceptors } from 'undici';

/** What undici says, once in a process, when its decompressor is created. */
const notice = 'DecompressInterceptor is experimental and subject to change';

/**
 * Undici's decompressor. That it is experimental is our concern: a program that embeds a worker must not find the
 * notice on its stderr. Nothing else runs during the call, so no other warning is lost.
 */
export function createDecompressor(
  options: Parameters<typeof interceptors.decompress>[0],
): Dispatcher.DispatcherComposeInterceptor {
  const own = Object.getOwnPropertyDescriptor(process, 'emitWarning')!;
  const emit = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]) => {
    if (args[0] !== notice) emit(...args);
  };
  try {
    return interceptors.decompress(options);
  } finally {
    Object.defineProperty(process, 'emitWarning', own);
  }
}

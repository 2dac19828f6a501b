import { SluiceError } from '@sluice/shared';

/** What every call on a closed client ends with. @param cause what failed because of it */
export function clientClosed(cause?: unknown): SluiceError {
  return new SluiceError(
    'SLUICE_CLOSED',
    'the client is closed; connect again',
    cause === undefined ? {} : { cause },
  );
}

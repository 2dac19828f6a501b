import { SluiceError } from '@sluice/shared';

/** The error of what only a real fleet can do. */
export function unsupported(what: string): SluiceError {
  const message = `@sluice/testing has no ${what}; test that against Redis and a worker`;
  return new SluiceError('SLUICE_TESTING_UNSUPPORTED', message);
}

/**
 * A part of the client of which only some methods are there: the others throw. The compiler holds those that are there
 * to the part's interface.
 */
export function partial<T extends object>(name: string, there: Partial<Pick<T, keyof T>>): T {
  return new Proxy(there, {
    get(target, property) {
      if (property in target || typeof property === 'symbol' || property === 'then') {
        return Reflect.get(target, property) as unknown;
      }
      throw unsupported(`${name}.${property}`);
    },
  }) as T;
}

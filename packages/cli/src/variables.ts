import { SluiceError, faultsText } from '@sluice/shared';

/** Each option of a command, and the variable that it stands for. */
export type OptionNames<Raw> = Readonly<Record<keyof Raw, { variable: string; option: string }>>;

const given = <Raw extends object>(raw: Raw, names: OptionNames<Raw>) =>
  (Object.keys(names) as (keyof Raw)[]).flatMap((name) => {
    const value = raw[name] as string | undefined;
    return value === undefined ? [] : [{ ...names[name], value }];
  });

/** The environment with the options in it. Pure. */
export function withOptions<Raw extends object>(
  raw: Raw,
  names: OptionNames<Raw>,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const own = given(raw, names).map(({ variable, value }) => [variable, value]);
  return { ...env, ...(Object.fromEntries(own) as Record<string, string>) };
}

/** Reads settings; their faults have the names that were typed: `--queues`, not SLUICE_QUEUES. @throws SluiceError */
export function namedAsTyped<Raw extends object, T>(
  read: () => T,
  raw: Raw,
  names: OptionNames<Raw>,
  what: string,
): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SluiceError) || error.faults.length === 0) throw error;
    const options = new Map(given(raw, names).map(({ variable, option }) => [variable, option]));
    const faults = error.faults.map((fault) => {
      const option = options.get(fault.path);
      return option === undefined ? fault : { ...fault, path: option, parts: [option] };
    });
    throw new SluiceError(error.code, `${what}: ${faultsText(faults)}`, { faults, cause: error });
  }
}

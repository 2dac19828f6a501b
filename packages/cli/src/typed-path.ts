import { basename, isAbsolute, resolve } from 'node:path';

/** Whether a text of the script is this program: `sluice`, `node_modules/.bin/sluice`. */
const isProgram = (word: string) => basename(word) === 'sluice';

/**
 * The file that a path on the command line means. `npm run sluice -- run urls.txt` starts the program in the package's
 * folder, but whoever typed the path was in INIT_CWD. A path that stands in the script itself is relative to the
 * package, as everything is that package.json says. Pure.
 * @param env of the process; npm sets INIT_CWD and npm_lifecycle_script
 */
export function typedPath(path: string, env: Readonly<Record<string, string | undefined>>): string {
  const { INIT_CWD: folder, npm_lifecycle_script: script } = env;
  if (!folder || !script || path === '-' || isAbsolute(path)) return path;
  const words = script.split(/[\s"'=]+/);
  // Of another script, which starts us: the path is not what was typed after `npm run`.
  if (!words.some(isProgram) || words.includes(path)) return path;
  return resolve(folder, path);
}

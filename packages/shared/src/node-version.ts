/** The oldest Node that can load what the programs import. The same as `engines` of the packages; a test holds them equal. */
export const oldestNode = [22, 19] as const;

/**
 * Ends the process with a sentence and exit code 1 where Node is too old. Each program calls this before it imports
 * anything else: on an old Node the import of undici is a TypeError that names no version. So this module imports nothing.
 */
export function requireNode(program: string): void {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const [oldestMajor, oldestMinor] = oldestNode;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  process.stderr.write(
    `${program}: this is Node ${node}; install Node ${oldestNode.join('.')} or newer and try again\n`,
  );
  process.exit(1);
}

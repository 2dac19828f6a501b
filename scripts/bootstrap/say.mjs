/** One short line on stderr; stdout belongs to the command. */
export const say = (line) => process.stderr.write(`sluice: ${line}\n`);

/** A failure the user can act on: its message is all that is printed. */
export class Stop extends Error {}

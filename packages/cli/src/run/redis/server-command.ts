/**
 * How to start a Redis server. Its configuration goes to its standard input, where no list of processes shows it.
 * `remove`: a command that ends what is left when the process is killed; empty: nothing is left.
 */
export type ServerCommand = { command: string; args: string[]; bind: string; remove: string[] };

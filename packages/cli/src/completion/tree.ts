import type { Command } from 'commander';

/** What can follow the words so far. */
export type Node = {
  /** `sluice queue set`. */
  path: string;
  commands: { name: string; description: string }[];
  options: { flags: string[]; description: string; takesValue: boolean; values: readonly string[] }[];
};

/** Every command of a program with what can follow it, parents first. Pure. */
export function commandTree(command: Command, parent = ''): Node[] {
  const path = `${parent} ${command.name()}`.trim();
  const help = command.createHelp();
  const node: Node = {
    path,
    commands: command.commands.map((sub) => ({ name: sub.name(), description: sub.description() })),
    options: help.visibleOptions(command).map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag != null),
      description: option.description,
      takesValue: option.required || option.optional,
      values: option.argChoices ?? [],
    })),
  };
  return [node, ...command.commands.flatMap((sub) => commandTree(sub, path))];
}

import { Argument, type Command } from 'commander';
import { addNotes } from '../help/help.ts';
import { type ProcessIo, exitCodes } from '../process-io.ts';
import { bashCompletion, fishCompletion, zshCompletion } from './scripts.ts';
import { commandTree } from './tree.ts';

const writers = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion };

const notes = `
Examples:
  eval "$(sluice completion bash)"          in ~/.bashrc
  source <(sluice completion zsh)           in ~/.zshrc, after compinit
  sluice completion fish | source           in ~/.config/fish/config.fish
  sluice completion bash > /etc/bash_completion.d/sluice`;

/** `sluice completion SHELL`: made from the commands themselves, so it is never behind them. */
export function addCompletionCommand(program: Command, io: ProcessIo, done: (code: number) => void): void {
  const shell = new Argument('<shell>', 'the shell').choices(Object.keys(writers));
  const command = program
    .command('completion')
    .description('print a script with which the shell completes commands and options')
    .addArgument(shell)
    .action((name: keyof typeof writers) => {
      io.stdout.write(writers[name](commandTree(program)));
      done(exitCodes.allCompleted);
    });
  addNotes(command, notes);
}

import type { Command } from 'commander';
import type { ProcessIo } from '../process-io.ts';
import { always, hasColours } from '../text/colour.ts';

/** A title of its own line: `Examples:`. */
const title = /^[A-Z][A-Za-z ]+:$/gm;
/** A line that can be typed. */
const example = /^( {2,})((?:[a-z-]+ .*\| )?sluice .+)$/gm;

/** The text after a command's help: titles and examples stand out. commander drops the colours where none belong. */
export function addNotes(command: Command, text: string): Command {
  const painted = text
    .replaceAll(title, (line) => always('bold', line))
    .replaceAll(example, (_, indent: string, line: string) => `${indent}${always('cyan', line)}`);
  return command.addHelpText('after', `\n${painted.trim()}`);
}

/** How help and usage errors are written. To be called before commands are added: they inherit it. */
export function configureHelp(program: Command, io: ProcessIo): Command {
  return program
    .configureOutput({
      writeOut: (text) => void io.screen.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'sluice: ')),
      getOutHasColors: () => hasColours(io.stdout, io.env),
      // What was typed is part of a usage error, and must not bring colours of its own.
      getErrHasColors: () => false,
      getOutHelpWidth: () => io.stdout.columns ?? 80,
      getErrHelpWidth: () => io.stderr.columns ?? 80,
    })
    .configureHelp({
      styleTitle: (text) => always('bold', text),
      styleOptionText: (text) => always('green', text),
      styleSubcommandText: (text) => always('cyan', text),
    })
    .showHelpAfterError('(see --help)')
    .exitOverride();
}

/** verbena help: of a command, or about a topic. */
import type { Command } from 'commander';
import { example, type CommandContext, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';
import { exitCodeRows } from '../exit-codes.ts';
import { wrap } from '../terminal/text.ts';

export function exitCodesHelp(width: number): string {
  const rows = exitCodeRows();
  const label = Math.max(...rows.map(([code]) => code.length));
  const lines = rows.map(([code, meaning]) => `  ${code.padStart(label)}  ${wrap(meaning, width - label - 4, ' '.repeat(label + 4))}`);
  return `Exit codes:\n${lines.join('\n')}\n\n"program" stands for the code that the program itself returned.\n`;
}

async function help(context: CommandContext, program: Command, words: readonly string[]): Promise<void> {
  if (words[0] === 'exit-codes') return context.io.out(exitCodesHelp(context.io.columns));
  let command = program;
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (!next) throw usageError(`there is no command "${words.join(' ')}"; "verbena help" lists them`);
    command = next;
  }
  command.outputHelp();
}

export function registerHelp({ program, action }: Registry): void {
  program.helpCommand(false);
  example(
    program
      .command('help')
      .description('help on a command, or on exit-codes')
      .argument('[topic...]', 'a command, or exit-codes')
      .action(action((context, words) => help(context, program, words))),
    'verbena help run',
    'verbena help exit-codes',
  );
}

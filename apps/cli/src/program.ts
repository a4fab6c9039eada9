/** The commands of verbena, put together. What a command needs is loaded when it runs, so that help and completion are quick. */
import { Command } from 'commander';
import { CommandContext, example, type GlobalOptions, type Action, type Registry } from './command-context.ts';
import { registerAt } from './commands/at.ts';
import { registerBench } from './commands/bench.ts';
import { registerCheckpoints } from './commands/checkpoints.ts';
import { registerCompilers } from './commands/cc.ts';
import { registerContexts } from './commands/contexts.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerEvents } from './commands/events.ts';
import { registerFiles } from './commands/files.ts';
import { registerHelp } from './commands/help.ts';
import { registerImages } from './commands/images.ts';
import { registerJobs } from './commands/jobs.ts';
import { registerLogs } from './commands/logs.ts';
import { registerMigrations } from './commands/migrations.ts';
import { registerFabric } from './commands/fabric.ts';
import { registerNodes } from './commands/nodes.ts';
import { registerReplay } from './commands/replay.ts';
import { registerRun } from './commands/run.ts';
import { registerStatus } from './commands/status.ts';
import { registerSubmit } from './commands/submit.ts';
import { registerTenants } from './commands/tenants.ts';
import { registerTokens } from './commands/tokens.ts';
import { registerUp } from './commands/up.ts';
import { registerVms } from './commands/vms.ts';
import type { Io } from './terminal/io.ts';
import { version } from './version.ts';

/** In the order in which help lists them. */
const commands = [
  registerRun,
  registerSubmit,
  registerJobs,
  registerLogs,
  registerFiles,
  registerEvents,
  registerAt,
  registerReplay,
  registerUp,
  registerStatus,
  registerNodes,
  registerFabric,
  registerVms,
  registerMigrations,
  registerCheckpoints,
  registerImages,
  registerTokens,
  registerTenants,
  registerContexts,
  registerBench,
  registerCompilers,
  registerCompletion,
  registerHelp,
];

export interface Outcome {
  exitCode: number;
}

/** @param outcome receives the exit code of the command that ran. */
export function buildProgram(io: Io, programArgs: readonly string[], outcome: Outcome): Command {
  const program = new Command('verbena')
    .description('Runs MPI jobs in virtual machines at native speed.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'help on the command')
    .option('--json', 'print JSON: protobuf JSON with short enum names; see docs/command-line.md')
    .option('--endpoint <url>', 'the cluster to speak to (also VERBENA_ENDPOINT)')
    .option('--data-dir <dir>', 'data directory of the cluster (also VERBENA_DATA_DIR)')
    .option('--context <name>', 'a cluster by name; see verbena context (also VERBENA_CONTEXT)')
    .option('--token <token>', 'API token (also VERBENA_TOKEN; other users may see an option)')
    .option('--token-file <file>', 'file with the API token (also VERBENA_TOKEN_FILE)')
    .option('--ca <file>', 'PEM file with the authority of the certificate (also VERBENA_CA)')
    .option('--quiet', 'results only: no progress, no notes')
    .option('--verbose', 'more of what goes on')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.out(text),
      writeErr: (text) => void io.err(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'verbena: ')),
      getOutHelpWidth: () => io.columns,
      getErrHelpWidth: () => io.columns,
    })
    .configureHelp({ showGlobalOptions: true });
  example(program, 'verbena run -n 8 hello.c', 'verbena up -d && verbena status');
  const registry: Registry = {
    program,
    action: <Options>(run: Action<Options>) =>
      async function (this: Command, ...args) {
        // Commander gives the arguments, variadic ones as a list, then the options and the command.
        const words = args
          .slice(0, -2)
          .flat()
          .filter((word) => typeof word === 'string');
        const context = new CommandContext(io, program.opts<GlobalOptions>(), programArgs);
        outcome.exitCode = (await run(context, words, this.opts() as Options)) ?? 0;
      },
  };
  for (const register of commands) register(registry);
  for (const command of allCommands(program)) command.exitOverride();
  return program;
}

function allCommands(command: Command): Command[] {
  return command.commands.flatMap((sub) => [sub, ...allCommands(sub)]);
}

/** What every command is given beside its own options: the global ones, the terminal, and a connection when it asks for one. */
import type { Command } from 'commander';
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { dataDirectory } from './endpoint/data-directory.ts';
import { jsonOf, jsonText } from './terminal/json.ts';
import type { Io } from './terminal/io.ts';
import { tableLines, type Column } from './terminal/table.ts';
import type { Session } from './endpoint/session.ts';
import type { Where } from './endpoint/target.ts';

export interface GlobalOptions {
  readonly json?: boolean;
  readonly endpoint?: string;
  readonly dataDir?: string;
  readonly context?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

export class CommandContext {
  readonly io: Io;
  readonly options: GlobalOptions;
  /** What came after "--": arguments of the program, not of the command. */
  readonly programArgs: readonly string[];

  constructor(io: Io, options: GlobalOptions, programArgs: readonly string[]) {
    this.io = io;
    this.options = options;
    this.programArgs = programArgs;
  }

  get json(): boolean {
    return this.options.json === true;
  }

  get where(): Where {
    const { endpoint, dataDir, context, token, tokenFile, ca } = this.options;
    const { env, cwd } = this.io;
    // An option beats a variable, and what is named beats what is merely current.
    const named = endpoint !== undefined || dataDir !== undefined;
    return {
      endpoint: endpoint ?? (dataDir !== undefined || context !== undefined ? undefined : env['VERBENA_ENDPOINT'] || undefined),
      dataDir: dataDirectory(dataDir, env, cwd),
      dataDirNamed: dataDir !== undefined || Boolean(env['VERBENA_DATA_DIR']),
      context: context ?? (named ? undefined : env['VERBENA_CONTEXT'] || undefined),
      token,
      tokenFile,
      authority: ca,
      env,
      cwd,
    };
  }

  /** Connects; the transport is loaded only now, because commands such as cc and help need none. */
  async session(traceparent?: string): Promise<Session> {
    const { connectToCluster } = await import('./endpoint/session.ts');
    return connectToCluster(this.where, traceparent);
  }

  line(text = ''): Promise<void> {
    return this.io.out(`${text}\n`);
  }

  /** Something for people that is no result: on standard error, and not with --quiet. */
  note(text: string): Promise<void> {
    return this.options.quiet ? Promise.resolve() : this.io.err(`${text}\n`);
  }

  printJson<D extends DescMessage>(desc: D, message: MessageShape<D>): Promise<void> {
    return this.io.out(jsonText(jsonOf(desc, message)));
  }

  /** Prints a list: as one JSON document with the message's shape, or as a table; `empty` is said when there is nothing. */
  async printList<D extends DescMessage, Row>(list: {
    desc: D;
    message: MessageShape<D>;
    rows: readonly Row[];
    columns: readonly Column<Row>[];
    empty: string;
  }): Promise<void> {
    if (this.json) return this.printJson(list.desc, list.message);
    if (list.rows.length === 0) return this.note(list.empty);
    await this.io.out(`${tableLines(list.columns, list.rows, this.io.columns).join('\n')}\n`);
  }
}

/** What a command does: with its context, its arguments and its own options. It may return an exit code; none means success. */
export type Action<Options> = (context: CommandContext, args: readonly string[], options: Options) => Promise<number | void>;

/** How commands are declared: each file exports one function that adds its commands to the program. */
export interface Registry {
  readonly program: Command;
  /** Wraps an action for commander. */
  action<Options>(run: Action<Options>): (this: Command, ...args: unknown[]) => Promise<void>;
}

/** Adds an example to a command's help; every command has one. */
export function example(command: Command, ...lines: readonly string[]): Command {
  const heading = lines.length > 1 ? 'Examples' : 'Example';
  return command.addHelpText('after', `\n${heading}:\n${lines.map((line) => `  $ ${line}`).join('\n')}`);
}

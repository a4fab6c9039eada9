/** verbena completion: scripts that teach a shell the commands and their options. Made from the commands themselves, so they cannot lag behind. */
import type { Command } from 'commander';
import { example, type Registry } from '../command-context.ts';
import { usageError } from '../errors.ts';

interface Words {
  /** "" for the program, "job show" for a command below a command. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly what: string }[];
  readonly options: readonly { readonly flag: string; readonly what: string }[];
  readonly takesFiles: boolean;
}

/** Everything that can be typed, command by command. */
export function wordsOf(command: Command, path: readonly string[] = [], inherited: Words['options'] = []): Words[] {
  const options = [
    ...command.options.map(({ long, short, description }) => ({ flag: long ?? short ?? '', what: description })),
    ...inherited,
  ];
  const commands = command.commands.map((sub) => ({ name: sub.name(), what: sub.summary() || sub.description() }));
  const takesFiles = command.registeredArguments.some((argument) => /file|arguments/.test(argument.name()));
  const own: Words = { path: path.join(' '), commands, options, takesFiles };
  return [own, ...command.commands.flatMap((sub) => wordsOf(sub, [...path, sub.name()], path.length === 0 ? options : inherited))];
}

export function bashScript(words: readonly Words[]): string {
  const cases = words.map(({ path, commands, options, takesFiles }) => {
    const list = [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)].join(' ');
    return `    "${path}") words="${list}"; files=${takesFiles ? 1 : 0} ;;`;
  });
  return `# bash completion for verbena; load with: source <(verbena completion bash)
_verbena() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" word words files=0
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " ${words
      .filter(({ path }) => path)
      .map(({ path }) => path.replaceAll(' ', '/'))
      .join(' ')} " in
      *" \${path:+$path/}$word "*) path="\${path:+$path/}$word" ;;
    esac
  done
  case "\${path//\\// }" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ "$files" = 1 ]; then compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -F _verbena verbena
`;
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''").replaceAll(':', '\\:')}'`;

export function zshScript(words: readonly Words[]): string {
  const cases = words.map(({ path, commands, options, takesFiles }) => {
    const described = [
      ...commands.map(({ name, what }) => quoted(name) + quoted(`:${what}`).replace("'\\:", "':")),
      ...options.map(({ flag, what }) => quoted(flag) + quoted(`:${what}`).replace("'\\:", "':")),
    ];
    return `    ${quoted(path)}) words=(${described.join(' ')}); files=${takesFiles ? 1 : 0} ;;`;
  });
  return `#compdef verbena
# zsh completion for verbena; load with: source <(verbena completion zsh)
_verbena() {
  local path_="" word files=0
  local -a words_
  for word in \${words[2,CURRENT-1]}; do
    case " ${words
      .filter(({ path }) => path)
      .map(({ path }) => path.replaceAll(' ', '/'))
      .join(' ')} " in
      *" \${path_:+$path_/}$word "*) path_="\${path_:+$path_/}$word" ;;
    esac
  done
  case "\${path_//\\// }" in
${cases.join('\n').replaceAll(') words=(', ') words_=(')}
  esac
  _describe 'verbena' words_
  (( files )) && _files
}
compdef _verbena verbena
`;
}

export function fishScript(words: readonly Words[]): string {
  const say = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  const lines = words.flatMap(({ path, commands, options, takesFiles }) => {
    const parts = path === '' ? [] : path.split(' ');
    const condition =
      parts.length === 0 ? '__fish_use_subcommand' : parts.map((part) => `__fish_seen_subcommand_from ${part}`).join('; and ');
    const when = `-n ${say(condition)}`;
    return [
      ...commands.map(({ name, what }) => `complete -c verbena ${when} -f -a ${name} -d ${say(what)}`),
      ...options
        .filter(({ flag }) => flag.startsWith('--'))
        .map(({ flag, what }) => `complete -c verbena ${when} -l ${flag.slice(2)} -d ${say(what)}`),
      ...(takesFiles || parts.length === 0 ? [] : [`complete -c verbena ${when} -f`]),
    ];
  });
  return `# fish completion for verbena; load with: verbena completion fish | source\n${lines.join('\n')}\n`;
}

const shells = { bash: bashScript, zsh: zshScript, fish: fishScript };

export function registerCompletion({ program, action }: Registry): void {
  example(
    program
      .command('completion')
      .description('print a completion script for a shell')
      .argument('<shell>', 'bash, zsh or fish')
      .action(
        action(async (context, [shell = '']) => {
          if (!Object.hasOwn(shells, shell)) throw usageError(`no completion for "${shell}"; there is one for bash, zsh and fish`);
          await context.io.out(shells[shell as keyof typeof shells](wordsOf(program)));
        }),
      ),
    'source <(verbena completion bash)',
  );
}

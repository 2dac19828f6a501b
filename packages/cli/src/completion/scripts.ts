import type { Node } from './tree.ts';

const flagsOf = ({ options }: Node) => options.flatMap(({ flags }) => flags);

/** Both quotes end in single ones, which every shell reads as they are. */
const quoted = (text: string) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** The step from one command to the next, as patterns of a `case`: 'sluice queue set'. */
const steps = (nodes: readonly Node[]) => nodes.slice(1).map(({ path }) => quoted(path));

/** The options of a command that take one of a few values. */
const withValues = (node: Node) => node.options.filter(({ values }) => values.length > 0);

/** The options whose value is typed: what follows is not completed as a command. */
const valueFlags = (nodes: readonly Node[]) => [
  ...new Set(nodes.flatMap(({ options }) => options.filter((o) => o.takesValue).flatMap((o) => o.flags))),
];

function posixCases(nodes: readonly Node[], commands: (node: Node) => string): string {
  return nodes
    .map((node) => {
      const values = withValues(node).map(
        (o) => `        ${o.flags.join('|')}) values=${quoted(o.values.join(' '))} ;;\n`,
      );
      const choose = values.length === 0 ? '' : `\n      case "$prev" in\n${values.join('')}      esac`;
      return `    ${quoted(node.path)})\n      ${commands(node)}\n      flags=${quoted(flagsOf(node).join(' '))}${choose}\n      ;;`;
    })
    .join('\n');
}

/** For bash 3.2 and newer. Pure. */
export function bashCompletion(nodes: readonly Node[]): string {
  return `# bash completion of sluice: eval "$(sluice completion bash)"
_sluice() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local at=sluice i commands='' flags='' values=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at \${COMP_WORDS[i]}" in
      ${steps(nodes).join('|')}) at="$at \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at" in
${posixCases(nodes, ({ commands }) => `commands=${quoted(commands.map(({ name }) => name).join(' '))}`)}
  esac
  COMPREPLY=()
  if [[ -n $values ]]; then COMPREPLY=($(compgen -W "$values" -- "$cur")); return; fi
  # After an option that takes a value, bash offers files.
  case "$prev" in ${valueFlags(nodes).join('|')}) return ;; esac
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  else COMPREPLY=($(compgen -W "$commands" -- "$cur")); fi
}
complete -o default -F _sluice sluice
`;
}

/** For zsh. Pure. */
export function zshCompletion(nodes: readonly Node[]): string {
  const described = ({ commands }: Node) =>
    `commands=(${commands.map(({ name, description }) => quoted(`${name}:${description.replaceAll(':', String.raw`\:`)}`)).join(' ')})`;
  return `#compdef sluice
# zsh completion of sluice: source <(sluice completion zsh)
_sluice() {
  local cur=\${words[CURRENT]} prev=\${words[CURRENT-1]} at=sluice word flags='' values=''
  local -a commands
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in
      ${steps(nodes).join('|')}) at="$at $word" ;;
    esac
  done
  case "$at" in
${posixCases(nodes, described)}
  esac
  if [[ -n $values ]]; then compadd -- \${=values}; return; fi
  case "$prev" in ${valueFlags(nodes).join('|')}) _files; return ;; esac
  if [[ $cur == -* ]]; then compadd -- \${=flags}
  elif (( \${#commands} )); then _describe command commands
  else _files; fi
}
compdef _sluice sluice
`;
}

/** For fish. Pure. */
export function fishCompletion(nodes: readonly Node[]): string {
  const lines = nodes.flatMap(({ path, commands, options }) => {
    const here = `complete -c sluice -n ${quoted(`__sluice_at ${path}`)}`;
    return [
      ...commands.map(({ name, description }) => `${here} -f -a ${name} -d ${quoted(description)}`),
      ...options.map(({ flags, description, takesValue, values }) => {
        const names = flags.map((flag) =>
          flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`,
        );
        const value = values.length > 0 ? ` -x -a ${quoted(values.join(' '))}` : takesValue ? ' -r' : '';
        return `${here} ${names.join(' ')}${value} -d ${quoted(description)}`;
      }),
    ];
  });
  return `# fish completion of sluice: sluice completion fish | source
function __sluice_at
  set -l at sluice
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case ${steps(nodes).join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv"
end
${lines.join('\n')}
`;
}

import { described, type Command } from './command.ts'

export type Shell = 'bash' | 'zsh' | 'fish'

/** A script that completes commands and options in the given shell. `kubectl`'s own words are kubectl's. */
export function completionScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case 'bash':
      return bash(commands)
    case 'zsh':
      return `#compdef k8ts\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}`
    case 'fish':
      return fish(commands)
  }
}

function bash(commands: readonly Command[]): string {
  const cases = commands.map(
    (command) => `    '${command.name}') words='${optionWords(command).join(' ')}' ;;`,
  )
  const groups = groupsOf(commands).map(
    ([group, words]) =>
      `  if [ "$COMP_CWORD" -eq 2 ] && [ "\${COMP_WORDS[1]}" = ${group} ]; then words='${words.join(' ')}'; fi`,
  )
  return `_k8ts() {
  local words='' command="\${COMP_WORDS[1]}" current="\${COMP_WORDS[COMP_CWORD]}"
  case "$command \${COMP_WORDS[2]}" in
    ${groupsOf(commands)
      .flatMap(([group, words]) => words.map((word) => `'${group} ${word}'`))
      .join(' | ')}) command="$command \${COMP_WORDS[2]}" ;;
  esac
  case "$command" in
${cases.join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words='${firstWords(commands).join(' ')}'; fi
${groups.join('\n')}
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _k8ts k8ts
`
}

function fish(commands: readonly Command[]): string {
  const lines: string[] = ['complete -c k8ts -f']
  for (const word of firstWords(commands)) {
    const summary = commands.find(({ name }) => name === word)?.summary ?? ''
    lines.push(`complete -c k8ts -n __fish_use_subcommand -a ${word} -d ${quote(summary)}`)
  }
  for (const [group, words] of groupsOf(commands)) {
    const seen = `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${words.join(' ')}`
    lines.push(`complete -c k8ts -n ${quote(seen)} -a ${quote(words.join(' '))}`)
  }
  for (const command of commands) {
    const seen = command.name
      .split(' ')
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join('; and ')
    for (const [name, option] of Object.entries(command.options)) {
      if (option.hidden) continue
      const value = option.value === undefined ? '' : ' -r'
      const choices = option.choices ? ` -a ${quote(option.choices.join(' '))}` : ''
      lines.push(
        `complete -c k8ts -n ${quote(seen)} -l ${name}${value}${choices} -d ${quote(described(option))}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

function firstWords(commands: readonly Command[]): string[] {
  return [...new Set(commands.map(({ name }) => name.split(' ')[0] ?? ''))]
}

function groupsOf(commands: readonly Command[]): [string, string[]][] {
  const groups = new Map<string, string[]>()
  for (const [group = '', word] of commands.map(({ name }) => name.split(' '))) {
    if (word !== undefined) groups.set(group, [...(groups.get(group) ?? []), word])
  }
  return [...groups]
}

function optionWords(command: Command): string[] {
  const visible = Object.entries(command.options).filter(([, option]) => !option.hidden)
  return [...visible.map(([name]) => `--${name}`), '--help']
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "\\'")}'`
}

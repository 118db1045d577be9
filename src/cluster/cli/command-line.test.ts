import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CliError } from './cli-error.ts'
import { parseCommandLine } from './command-line.ts'
import type { Command } from './command.ts'
import { completionScript } from './completion.ts'
import { exitCodes } from './exit-codes.ts'
import { commandHelp } from './help.ts'

function aCommand(name: string, rest: Partial<Command> = {}): Command {
  return { name, summary: `Do ${name}`, options: {}, run: () => Promise.resolve(exitCodes.done), ...rest }
}

const commands = [
  aCommand('up', {
    options: {
      nodes: { description: 'How many', value: 'N', short: 'n' },
      detach: { description: 'Return', short: 'd' },
      runtime: { description: 'Which', value: 'R', choices: ['a', 'b'] },
    },
  }),
  aCommand('node add', { operands: { usage: 'NAME', least: 1, most: 1 } }),
  aCommand('kubectl', { passThrough: true }),
]

function parse(line: string) {
  const invocation = parseCommandLine(commands, line.split(' ').filter(Boolean))
  assert.equal(invocation.type, 'run')
  return invocation
}

describe('parseCommandLine', () => {
  it('reads options in their long and short forms', () => {
    const { input } = parse('up --nodes=3 -d')
    assert.equal(input.number('nodes', 1), 3)
    assert.ok(input.isSet('detach'))
    assert.equal(input.text('runtime'), undefined)
    assert.equal(parse('up -n 2').input.number('nodes', 1), 2)
  })

  it('reads commands of two words, and their operands', () => {
    const { command, input } = parse('node add node2')
    assert.equal(command.name, 'node add')
    assert.deepEqual(input.operands, ['node2'])
  })

  it('passes everything on where the command says so', () => {
    assert.deepEqual(parse('kubectl get pods -o wide --help').input.operands, [
      'get',
      'pods',
      '-o',
      'wide',
      '--help',
    ])
  })

  it('asks for help', () => {
    for (const line of ['', '--help', '-h']) {
      const invocation = parseCommandLine(commands, line ? [line] : [])
      assert.deepEqual(invocation, { type: 'help', command: undefined })
    }
    assert.equal(parseCommandLine(commands, ['up', '-h']).type, 'help')
  })

  const faults = [
    'dwon',
    'node',
    'node add',
    'node add a b',
    'up --nodse 3',
    'up x',
    'up --runtime c',
    'up --nodes',
  ]
  for (const line of faults) {
    it(`refuses '${line}'`, () => {
      assert.throws(
        () => parse(line),
        (error) => error instanceof CliError && error.exitCode === exitCodes.usage,
      )
    })
  }
})

describe('commandHelp', () => {
  it('shows how to use it', () => {
    assert.equal(
      commandHelp(commands[0]!),
      `k8ts up: Do up

Usage: k8ts up [OPTIONS]

Options:
  -n, --nodes N    How many
  -d, --detach     Return
      --runtime R  Which
`,
    )
  })
})

describe('completionScript', () => {
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    it(`knows commands and options in ${shell}`, () => {
      const script = completionScript(shell, commands)
      for (const word of ['node', 'add', 'detach']) assert.ok(script.includes(word), word)
    })
  }
})

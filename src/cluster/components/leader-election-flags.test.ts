import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCommandLine } from '../cli/command-line.ts'
import { CliError } from '../cli/cli-error.ts'
import type { Command } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import { electionOptions } from './component-options.ts'
import { describeElection, parseElection } from './leader-election-flags.ts'

const command: Command = {
  name: 'scheduler',
  summary: '',
  options: electionOptions,
  run: () => Promise.resolve(exitCodes.done),
}

function parse(...args: readonly string[]) {
  const invocation = parseCommandLine([command], ['scheduler', ...args])
  assert.ok(invocation.type === 'run')
  return parseElection(invocation.input, 'kube-scheduler')
}

describe('parseElection', () => {
  it("has upstream's defaults", () => {
    assert.deepEqual(describeElection(parse()), {
      leaderElect: true,
      leaseDuration: '15s',
      renewDeadline: '10s',
      retryPeriod: '2s',
      resourceLock: 'leases',
      resourceName: 'kube-scheduler',
      resourceNamespace: 'kube-system',
    })
  })

  it('is none where nobody is to be elected', () => {
    assert.equal(parse('--leader-elect=false'), undefined)
    assert.notEqual(parse('--leader-elect'), undefined)
  })

  it('takes each part from its flag', () => {
    const election = parse('--leader-elect-lease-duration=1m', '--leader-elect-resource-name=mine')
    assert.deepEqual([election?.leaseDurationMs, election?.lease?.name], [60_000, 'mine'])
  })

  const refused: readonly (readonly [string, RegExp])[] = [
    [
      '--leader-elect-lease-duration=10s',
      /lease-duration must be greater than --leader-elect-renew-deadline/,
    ],
    ['--leader-elect-renew-deadline=2s', /renew-deadline must be greater than --leader-elect-retry-period/],
    ['--leader-elect-retry-period=0s', /retry-period must be greater than zero/],
    ['--leader-elect-retry-period=soon', /retry-period: time: invalid duration/],
  ]
  for (const [flag, message] of refused) {
    it(`refuses ${flag}`, () => {
      assert.throws(
        () => parse(flag),
        (error) => error instanceof CliError && message.test(error.message),
      )
    })
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCommandLine } from '../cli/command-line.ts'
import type { Command } from '../cli/command.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import { controllersOptions, schedulerOptions } from './component-options.ts'
import { flagsInEffect } from './flags-in-effect.ts'

function flagsOf(options: Command['options'], component: string, ...args: readonly string[]) {
  const command = { name: 'run', summary: '', options, run: () => Promise.resolve(exitCodes.done) }
  const invocation = parseCommandLine([command], ['run', ...args])
  assert.ok(invocation.type === 'run')
  return flagsInEffect(options, invocation.input, component)
}

test('flagsInEffect tells what is given, and else the defaults', () => {
  const flags = flagsOf(
    controllersOptions,
    'kube-controller-manager',
    '--concurrent-deployment-syncs=9',
    '--feature-gates=ClusterTrustBundle=true',
    '--leader-elect-lease-duration=90s',
    '--server=https://a:6443',
    '--server=https://b:6443',
  )
  assert.partialDeepStrictEqual(flags, {
    'concurrent-deployment-syncs': '9',
    'concurrent-job-syncs': '5',
    'cluster-signing-duration': '8760h0m0s',
    'feature-gates': 'ClusterTrustBundle=true',
    'leader-elect': 'true',
    'leader-elect-lease-duration': '1m30s',
    'leader-elect-renew-deadline': '10s',
    'leader-elect-resource-name': 'kube-controller-manager',
    'cluster-cidr': '10.244.0.0/16',
    'service-account-private-key-file': '',
    master: 'https://a:6443,https://b:6443',
  })
})

test("flagsInEffect has upstream's names", () => {
  const flags = flagsOf(schedulerOptions, 'kube-scheduler', '--scheduler-config=/a', '--leader-elect=false')
  assert.partialDeepStrictEqual(flags, { config: '/a', 'leader-elect': 'false', kubeconfig: '' })
  assert.equal(flags['scheduler-config'], undefined)
})

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { withoutContainers } from './harness/machine.ts'
import { runProgram } from './harness/program.ts'
import { aCluster, testImage, type TestCluster } from './harness/test-cluster.ts'

interface ClientScript {
  readonly client: string
  /** Debian's interpreter: others do not find Debian's libraries. */
  readonly interpreter: string
  readonly file: string
  /** A script that ends well when the library is there. */
  readonly probe: readonly string[]
  readonly checks: readonly string[]
  /** Checks with programs that run. */
  readonly containerChecks: readonly string[]
}

const scripts: readonly ClientScript[] = [
  {
    client: 'python3-kubernetes',
    interpreter: '/usr/bin/python3',
    file: 'python-client.py',
    probe: ['-c', 'import kubernetes'],
    checks: [
      'version_and_discovery',
      'crud_of_config_maps',
      'crud_of_many_kinds',
      'lists_and_watches',
      'deployments_scale_and_roll',
      'dynamic_client_and_server_side_apply',
      'objects_from_documents',
      'access_reviews',
      'leader_election',
    ],
    containerChecks: [
      'containers_exec',
      'containers_logs',
      'containers_attach',
      'containers_port_forward',
      'containers_proxy',
    ],
  },
  {
    client: 'ruby-kubeclient',
    interpreter: '/usr/bin/ruby',
    file: 'ruby-client.rb',
    probe: ['-e', 'require "kubeclient"'],
    checks: [
      'discovery',
      'crud',
      'server-side apply',
      'lists in chunks',
      'watches',
      'other groups',
      'every kind of core',
    ],
    containerChecks: ['logs', 'proxy'],
  },
]

/** Clients of other languages, unmodified, each driven by a script of its own language. */
describe('clients', { concurrency: true }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('clients')
    await cluster.up(...(withoutContainers ? ['--runtime', 'simulated'] : []))
    if (!withoutContainers) await cluster.loadTestImage()
  })
  after(() => cluster.delete())

  for (const { client, interpreter, file, probe, checks, containerChecks } of scripts) {
    it(`${client} reads, writes, watches and runs`, async (test) => {
      if (!existsSync(interpreter) || (await runProgram(interpreter, probe)).exitCode !== 0) {
        return test.skip(`${client} is not on this machine`)
      }
      const script = join(import.meta.dirname, 'clients', file)
      const args = [script, cluster.kubeconfig, testImage, ...(withoutContainers ? [] : ['--containers'])]
      const { exitCode, stdout, stderr } = await runProgram(interpreter, args, { timeoutMs: 180_000 })
      const expected = [...checks, ...(withoutContainers ? [] : containerChecks)]
      assert.deepEqual(
        stdout.trim().split('\n'),
        expected.map((name) => `ok ${name}`),
        stderr,
      )
      assert.equal(exitCode, 0, stderr)
    })
  }
})

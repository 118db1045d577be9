import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterStatus } from '../../../src/cluster/control/control-protocol.ts'
import { busyboxImage, findStaticBusybox } from '../../../src/cluster/images/busybox-image.ts'
import { createKubectl, kubectlPrograms, type Kubectl } from './kubectl.ts'
import { runProgram, type ProgramResult } from './program.ts'
import { k8ts, root } from './root.ts'

/** A cluster of its own for one test file, driven from outside: through `k8ts` and kubectl. */
export interface TestCluster {
  readonly name: string
  readonly folder: string
  readonly kubeconfig: string
  /** The kubectl of the release that we implement, else any. */
  readonly kubectl: Kubectl
  /** Every kubectl that this machine has. */
  readonly kubectls: readonly Kubectl[]
  /** Runs `k8ts` on this cluster, whatever its exit code. */
  k8ts(...args: readonly string[]): Promise<ProgramResult>
  /** Brings it up (again); throws when that fails. */
  up(...args: readonly string[]): Promise<string>
  down(): Promise<void>
  status(): Promise<ClusterStatus>
  /** Loads the image that tests run: busybox, by the name of testImage. */
  loadTestImage(): Promise<void>
  /** Removes the cluster and all it made. Throws when one of its components lacked a right. */
  delete(): Promise<void>
}

/** A shell and busybox's tools. */
export const testImage = 'k8ts.test/busybox:1'

/** Describes a cluster under a new name, which is not up yet. */
export function aCluster(purpose: string): TestCluster {
  const name = `e2e-${purpose}-${randomBytes(2).toString('hex')}`
  const folder = join(root, '.cache/e2e', name)
  mkdirSync(folder, { recursive: true })
  const kubeconfig = join(folder, 'kubeconfig')
  const programs = Object.entries(kubectlPrograms()) as ['old' | 'new', string][]
  const kubectls = programs.map(([release, program]) => createKubectl(release, program, kubeconfig))
  const kubectl = kubectls.find(({ release }) => release === 'new') ?? kubectls[0]
  assert.ok(kubectl, 'no kubectl on this machine')

  const command = (...args: readonly string[]) =>
    runProgram(k8ts, [...args, '--name', name, '--data-dir', folder], { timeoutMs: 180_000 })
  const succeed = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await command(...args)
    assert.equal(exitCode, 0, `k8ts ${args.join(' ')}: ${stdout}${stderr}`)
    return stdout
  }
  return {
    name,
    folder,
    kubeconfig,
    kubectl,
    kubectls,
    k8ts: command,
    up: (...args) => succeed('up', '--detach', '--yes', ...args),
    async down() {
      await succeed('down')
    },
    async status() {
      return JSON.parse((await command('status', '--output', 'json')).stdout) as ClusterStatus
    },
    async loadTestImage() {
      await succeed('image', 'load', writeTestImage())
    },
    async delete() {
      const refusals = lackedRights(join(folder, 'logs'))
      await command('delete', '--yes')
      rmSync(folder, { recursive: true, force: true })
      assert.deepEqual(refusals, [], 'the bootstrap roles give components what they need')
    },
  }
}

/** What a component logged that it may not do. */
function lackedRights(logs: string): string[] {
  if (!existsSync(logs)) return []
  return readdirSync(logs).flatMap((file) =>
    readFileSync(join(logs, file), 'utf8')
      .split('\n')
      .filter((line) => /is forbidden: User \\?"system:[^"]*" cannot /.test(line))
      .map((line) => `${file}: ${line}`),
  )
}

function writeTestImage(): string {
  const busybox = findStaticBusybox()
  assert.ok(busybox, 'no static busybox on this machine')
  const file = join(root, '.cache/test-image.tar')
  writeFileSync(file, busyboxImage(testImage, busybox))
  return file
}

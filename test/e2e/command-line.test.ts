import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { runProgram } from './harness/program.ts'
import { k8ts } from './harness/root.ts'

const home = mkdtempSync(join(tmpdir(), 'k8ts-home-'))
after(() => rmSync(home, { recursive: true }))
const run = (...args: string[]) => runProgram(k8ts, args, { env: { K8TS_HOME: home } })

describe('k8ts', () => {
  const rows = [
    { args: [], exitCode: 0, stdout: /^k8ts: Kubernetes, in TypeScript\n/ },
    { args: ['--help'], exitCode: 0, stdout: /Exit codes:/ },
    { args: ['help', 'node', 'add'], exitCode: 0, stdout: /Usage: k8ts node add NAME \[OPTIONS\]/ },
    { args: ['up', '--help'], exitCode: 0, stdout: /--simulated-nodes N/ },
    { args: ['--version'], exitCode: 0, stdout: /^k8ts \d+\.\d+\.\d+\nKubernetes v1\.36\./ },
    { args: ['version', '-o', 'json'], exitCode: 0, stdout: /"kubernetes": "v1\.36\./ },
    { args: ['completion', 'bash'], exitCode: 0, stdout: /complete -o filenames -F _k8ts k8ts/ },
    { args: ['completion', 'tcsh'], exitCode: 2, stderr: /there is no completion for 'tcsh'/ },
    { args: ['upp'], exitCode: 2, stderr: /^k8ts: unknown command 'upp'; see 'k8ts help'\n$/ },
    { args: ['node'], exitCode: 2, stderr: /needs one of: add, stop, start, delete/ },
    { args: ['node', 'add'], exitCode: 2, stderr: /usage: k8ts node add NAME/ },
    { args: ['node', 'add', 'Node_1'], exitCode: 2, stderr: /'Node_1' cannot name a node/ },
    { args: ['up', '--nodes', '0'], exitCode: 2, stderr: /--nodes must be a whole number from 1, not '0'/ },
    {
      args: ['up', '--runtime', 'podman'],
      exitCode: 2,
      stderr: /--runtime must be one of containerd, simulated/,
    },
    { args: ['up', '--store', 'etcd'], exitCode: 2, stderr: /--store etcd needs --etcd-endpoints/ },
    { args: ['up', '--name', 'My Cluster'], exitCode: 2, stderr: /'My Cluster' cannot name a cluster/ },
    { args: ['status'], exitCode: 3, stderr: /there is no cluster default in / },
    { args: ['down', '--name', 'none'], exitCode: 3, stderr: /there is no cluster none in / },
    { args: ['delete', '--name', 'none', '--yes'], exitCode: 3, stderr: /there is no cluster none in / },
    { args: ['image', 'load'], exitCode: 2, stderr: /usage: k8ts image load FILE\.\.\./ },
  ]
  for (const { args, exitCode, stdout = /^/, stderr = /^$/ } of rows) {
    it(`${args.join(' ') || '(nothing)'} ends with ${exitCode}`, async () => {
      const result = await run(...args)
      assert.match(result.stdout, stdout)
      assert.match(result.stderr, stderr)
      assert.equal(result.exitCode, exitCode)
    })
  }
})

describe('k8ts by sudo', () => {
  const skip = process.getuid?.() === 0 ? false : 'only root can give files away'
  it("gives the user's folder, and what they need of it, to the user", { skip }, async () => {
    const users = join(home, 'of-user')
    const env = { K8TS_HOME: users, SUDO_UID: '65534', SUDO_GID: '65534' }
    const names = ['--name', `by-sudo-${process.pid}`]
    const up = await runProgram(k8ts, ['up', '--detach', '--runtime', 'simulated', ...names], {
      env,
    })
    try {
      assert.equal(up.exitCode, 0, up.stderr)
      for (const path of ['', names[1]!, `${names[1]}/kubeconfig`]) {
        assert.equal(statSync(join(users, path)).uid, 65534, path)
      }
    } finally {
      await runProgram(k8ts, ['delete', '--yes', ...names], { env })
    }
  })
})

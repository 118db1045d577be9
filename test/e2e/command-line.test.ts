import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { withoutContainers } from './harness/machine.ts'
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

/** What a command line shows in a terminal (util-linux's script) to somebody who types `answers`. */
const inTerminal = (line: string, answers: string, env: Record<string, string>) =>
  runProgram('script', ['-qefc', line, '/dev/null'], { env: { K8TS_HOME: home, ...env }, stdin: answers })

describe('k8ts in a terminal', () => {
  const cniPlugins = '/usr/lib/cni'
  const skipped = withoutContainers || (existsSync(cniPlugins) ? false : 'the CNI plugins are elsewhere')
  it('asks before it installs, and installs nothing when told not to', { skip: skipped }, async () => {
    // In a mount namespace of its own, in which the plugins are not there.
    const script = `mount -t tmpfs none ${cniPlugins}; exec ${k8ts} up --detach --name refused`
    const result = await inTerminal(`unshare --mount sh -c '${script}'`, 'n\n', {})
    assert.match(result.stdout, /lacks what real containers need: containernetworking-plugins\./)
    assert.match(result.stdout, /Install it with apt-get\? \[Y\/n\]/)
    assert.match(
      result.stdout,
      /not without containernetworking-plugins; '--runtime simulated' needs nothing/,
    )
    assert.equal(result.exitCode, 130)
    assert.equal(existsSync(join(home, 'refused')), false)
  })

  it('goes on with simulated nodes when sudo refuses', async (test) => {
    const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']
    const may = await runProgram('setpriv', [...nobody, k8ts, 'version'], { env: { K8TS_NO_BUILD: '1' } })
    if (may.exitCode !== 0) return test.skip('another user cannot run this clone')
    const folder = join(home, 'of-nobody')
    mkdirSync(folder)
    chmodSync(home, 0o755)
    chmodSync(folder, 0o777)
    writeFileSync(
      join(folder, 'sudo'),
      `#!/bin/sh
case $1 in --non-interactive) echo 'sudo: a password is required' >&2;; *) echo 'you are not in the sudoers file' >&2;; esac
exit 1
`,
      { mode: 0o755 },
    )
    const env = {
      PATH: `${folder}:${process.env['PATH']}`,
      K8TS_HOME: folder,
      HOME: folder,
      K8TS_NO_BUILD: '1',
    }
    const as = `setpriv ${nobody.join(' ')} ${k8ts}`
    const name = `nobodys-${process.pid}`
    const up = await inTerminal(`${as} up --detach --name ${name}`, '', env)
    try {
      assert.match(up.stdout, /it goes on with sudo\.\s+you are not in the sudoers file/)
      assert.match(up.stdout, /Containers cannot run here: .*sudo does not give it to this user/)
      assert.match(up.stdout, /The nodes are simulated instead/)
      assert.equal(up.exitCode, 0, up.stdout)
    } finally {
      await inTerminal(`${as} delete --yes --name ${name}`, '', env)
    }
    assert.equal(existsSync(join(folder, name)), false)
  })
})

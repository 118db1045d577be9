import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { CertificateSigningRequest } from '../../src/api/generated/certificates.v1.ts'
import type { Node, Pod } from '../../src/api/generated/core.v1.ts'
import { busyboxImage, findStaticBusybox } from '../../src/cluster/images/busybox-image.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { createKubectl, kubectlPrograms, type Kubectl } from './harness/kubectl.ts'
import { withoutContainers } from './harness/machine.ts'
import { createMachines, type Machines } from './harness/machines.ts'
import { aService, aWebDeployment } from './harness/objects.ts'
import type { RunningProgram } from './harness/program.ts'
import { root } from './harness/root.ts'
import { testImage } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

describe('machines', { skip: withoutContainers }, () => {
  const mark = `e2e-join-${randomBytes(2).toString('hex')}`
  const folder = join(root, '.cache/e2e', mark)
  const names = ['one', 'two', 'three'] as const
  type Name = (typeof names)[number]
  let machines: Machines<Name>
  let kubectl: Kubectl
  let server: RunningProgram
  let token = ''
  const agents = new Map<Name, RunningProgram>()

  const place = (name: string) => ['--name', `${mark}-${name}`, '--data-dir', join(folder, name)]

  before(async () => {
    mkdirSync(folder, { recursive: true })
    machines = await createMachines(mark, names)
    server = machines.start('one', ['server', ...place('server')])
    token = await until('the server is ready', () => /--token (\S+)/.exec(server.stdout())?.[1], 60_000)
    kubectl = createKubectl(
      'new',
      Object.values(kubectlPrograms()).at(-1)!,
      join(folder, 'server/kubeconfig'),
    )
    // Every machine has the image that tests run.
    for (const name of names) {
      const images = join(folder, name, 'images')
      mkdirSync(images, { recursive: true })
      writeFileSync(join(images, 'test.tar'), busyboxImage(testImage, findStaticBusybox()!))
    }
  })
  after(async () => {
    for (const agent of agents.values()) agent.child.kill('SIGTERM')
    for (const agent of agents.values()) await agent.ended
    server.child.kill('SIGTERM')
    await server.ended
    for (const name of [...names, 'server']) {
      if (!existsSync(join(folder, name))) continue
      const machine = name === 'server' ? 'one' : (name as Name)
      await machines.run(machine, ['delete', '--yes', ...place(name)])
    }
    await machines.delete()
    rmSync(folder, { recursive: true, force: true })
  })

  const startAgent = (name: Name, withToken: string[] = ['--token', token]) => {
    const url = `https://${machines.address('one')}:6443`
    const args = ['agent', '--server', url, ...withToken, '--node-name', name, ...place(name)]
    const agent = machines.start(name, args)
    agents.set(name, agent)
    return agent
  }
  const readyNodes = async () => {
    const { items } = await kubectl.json<ObjectList<Node>>(['get', 'nodes'])
    return items
      .filter(({ status }) =>
        status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      )
      .map(({ metadata }) => metadata?.name)
  }

  it('are refused with a token of another cluster', async () => {
    const other = `${token.slice(0, -64)}${'0'.repeat(64)}`
    const agent = startAgent('two', ['--token', other])
    const { exitCode, stderr } = await agent.ended
    assert.equal(exitCode, 1)
    assert.match(stderr, /is not the cluster that the token is for/)
    const unknown = startAgent('two', ['--token', `aaaaaa.0123456789abcdef.${token.slice(-64)}`])
    assert.match((await unknown.ended).stderr, /Unauthorized|forbidden/)
  })

  it('join by a token, with certificates that the cluster signs', async () => {
    for (const name of names) startAgent(name)
    await until('all are ready', async () => (await readyNodes()).length === 3, 90_000)
    const { items } = await kubectl.json<ObjectList<CertificateSigningRequest>>(['get', 'csr'])
    assert.ok(
      items.length >= 12 && items.every(({ status }) => status?.certificate),
      `${items.length} requests`,
    )
    assert.ok(!readFileSync(join(folder, 'one/pki/ca.crt'), 'utf8').includes('PRIVATE'))
  })

  it('run pods that reach one another and their services', async () => {
    await kubectl.apply(aWebDeployment('web', 3), aService('web'))
    await kubectl(['rollout', 'status', 'deployment/web', '--timeout=90s'])
    const { items } = await kubectl.json<ObjectList<Pod>>(['get', 'pods', '-l', 'app=web'])
    assert.equal(new Set(items.map(({ spec }) => spec?.nodeName)).size, 3)
    for (const { metadata } of items) {
      // Not wget, which crashes in the static busybox of Debian 12.
      const ask = `printf 'GET /version HTTP/1.0\\r\\n\\r\\n' | nc -w 3 web 80 | tail -n 1`
      await until(`${metadata?.name} reaches the service by its name`, async () => {
        return (await kubectl(['exec', metadata?.name ?? '', '--', 'sh', '-c', ask])).trim() === '1'
      })
    }
  })

  it('go on as the same node without a token', async () => {
    const agent = agents.get('two')!
    agent.child.kill('SIGTERM')
    await agent.ended
    const { items: before } = await kubectl.json<ObjectList<Pod>>(['get', 'pods', '-l', 'app=web'])
    startAgent('two', [])
    await until('it is ready', () => /node ready/.test(agents.get('two')!.stderr()), 60_000)
    const { items: now } = await kubectl.json<ObjectList<Pod>>(['get', 'pods', '-l', 'app=web'])
    const restarts = (pods: readonly Pod[]) =>
      pods.map(({ metadata, status }) => [metadata?.uid, status?.containerStatuses?.[0]?.restartCount])
    assert.deepEqual(restarts(now), restarts(before))
  })

  it('leave the cluster when the server deletes them', async () => {
    const forget = (name: string) => machines.run('one', ['node', 'delete', name, ...place('server')])
    const { exitCode, stderr } = await forget('three')
    assert.equal(exitCode, 0, stderr)
    assert.ok(!(await readyNodes()).includes('three'))
    assert.notEqual((await forget('three')).exitCode, 0)
  })
})

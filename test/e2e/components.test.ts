import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import type { Lease } from '../../src/api/generated/coordination.v1.ts'
import type { Node } from '../../src/api/generated/core.v1.ts'
import { ensureClusterPki, nodeIdentity } from '../../src/cluster/pki/cluster-pki.ts'
import { kubeconfig } from '../../src/cluster/pki/kubeconfig.ts'
import { folderPemStore } from '../../src/cluster/pki/pem-store.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { skipWithoutEtcd } from '../../src/store/etcd/testing/etcd-server.ts'
import { createKubectl, kubectlPrograms, type Kubectl } from './harness/kubectl.ts'
import { withoutContainers } from './harness/machine.ts'
import { createMachines, type Machines } from './harness/machines.ts'
import { aService, aWebDeployment } from './harness/objects.ts'
import type { RunningProgram } from './harness/program.ts'
import { root } from './harness/root.ts'
import { until } from './harness/until.ts'

describe('components in processes of their own', { skip: withoutContainers || skipWithoutEtcd }, () => {
  const mark = `e2e-parts-${randomBytes(2).toString('hex')}`
  const folder = join(root, '.cache/e2e', mark)
  const names = ['one', 'two', 'three'] as const
  type Name = (typeof names)[number]
  let machines: Machines<Name>
  let kubectl: Kubectl
  const programs = new Map<string, RunningProgram>()

  const path = (...parts: string[]) => join(folder, ...parts)
  const url = (name: Name) => `https://${machines.address(name)}:6443`

  /** Starts a component on a machine, with further arguments. */
  const start = (name: Name, component: string, ...args: readonly string[]) => {
    const program = machines.start(name, ['component', component, ...args])
    programs.set(`${component} ${name}`, program)
    return program
  }
  const stop = async (name: Name, component: string) => {
    const program = programs.get(`${component} ${name}`)
    program?.child.kill('SIGTERM')
    await program?.ended
  }
  const startApiServer = async (name: Name) => {
    const etcd = `http://${machines.address('three')}:2379`
    const store = ['--store', 'etcd', '--etcd-endpoints', etcd, '--etcd-prefix', `/k8ts/${mark}`]
    const advertise = ['--advertise-address', machines.address(name)]
    const server = start(name, 'apiserver', '--data-dir', path(name), ...advertise, ...store)
    await until(`the API server of ${name} is ready`, () => {
      if (server.child.exitCode !== null) throw new Error(server.stderr())
      return /API server ready/.test(server.stderr())
    })
  }
  /** Components on `name` speak to the API server there. */
  const startRest: Readonly<Record<string, (name: Name) => RunningProgram>> = {
    controllers: (name) => {
      const signing = ['--cluster-signing-cert-file', path(name, 'pki/ca.crt')]
      const key = ['--cluster-signing-key-file', path(name, 'pki/ca.key')]
      const kubeconfigFile = path(name, 'controller-manager.kubeconfig')
      return start(name, 'controllers', '--kubeconfig', kubeconfigFile, ...signing, ...key)
    },
    scheduler: (name) => start(name, 'scheduler', '--kubeconfig', path(name, 'scheduler.kubeconfig')),
  }
  const startKubelet = (name: Name, server: Name) => {
    const pki = ensureClusterPki(
      folderPemStore(path('one/pki')),
      { dnsNames: [], ipAddresses: [] },
      Date.now(),
    )
    const identity = nodeIdentity(name)
    const content = kubeconfig({
      cluster: 'k8ts',
      user: identity.user,
      server: url(server),
      authorityPem: pki.authority.certificatePem,
      certificate: pki.client(identity),
    })
    writeFileSync(path(`kubelet-${name}.kubeconfig`), content)
    const at = [
      '--node-name',
      name,
      '--node-ip',
      machines.address(name),
      '--root-dir',
      path(`kubelet-${name}`),
    ]
    const runtime = ['--container-runtime-endpoint', 'simulated', '--pod-logs-dir', path(`logs-${name}`)]
    return start(name, 'kubelet', '--kubeconfig', path(`kubelet-${name}.kubeconfig`), ...at, ...runtime)
  }

  before(async () => {
    mkdirSync(folder, { recursive: true })
    machines = await createMachines(mark, names)
    const listen = `http://${machines.address('three')}:2379`
    const etcd = ['etcd', '--data-dir', path('etcd'), '--listen-client-urls', listen]
    programs.set('etcd', machines.startProgram('three', ...etcd, '--advertise-client-urls', listen))
    await startApiServer('one')
    // The second one is of the same cluster: it has the same authorities.
    mkdirSync(path('two/pki'), { recursive: true })
    for (const file of ['ca', 'front-proxy-ca', 'sa']) {
      for (const end of ['crt', 'key', 'pub']) {
        const source = path('one/pki', `${file}.${end}`)
        if (existsSync(source)) cpSync(source, path('two/pki', `${file}.${end}`))
      }
    }
    await startApiServer('two')
    for (const name of ['one', 'two'] as const) for (const part of Object.values(startRest)) part(name)
    const program = Object.values(kubectlPrograms()).at(-1)!
    kubectl = createKubectl('new', program, path('two/admin.kubeconfig'))
    startKubelet('one', 'one')
    startKubelet('three', 'two')
    start('three', 'proxy', '--kubeconfig', path('two/kube-proxy.kubeconfig'), '--node-name', 'three')
    start(
      'three',
      'dns',
      '--kubeconfig',
      path('two/coredns.kubeconfig'),
      '--address',
      machines.address('three'),
    )
  })
  after(async () => {
    for (const program of programs.values()) program.child.kill('SIGTERM')
    for (const program of programs.values()) await program.ended
    await machines.delete()
    rmSync(folder, { recursive: true, force: true })
  })

  const holder = async (component: string) => {
    const lease = await kubectl.json<Lease>(['get', 'lease', '-n', 'kube-system', component])
    return lease.spec?.holderIdentity
  }
  const available = async (name: string) => {
    const { status } = await kubectl.json<Deployment>(['get', 'deployment', name])
    return status?.availableReplicas ?? 0
  }

  it('make nodes and run pods together', async () => {
    await until(
      'two nodes are ready',
      async () => {
        const { items } = await kubectl.json<ObjectList<Node>>(['get', 'nodes'])
        const ready = items.filter(({ status }) =>
          status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
        )
        return ready.length === 2
      },
      60_000,
    )
    const deployment = aWebDeployment('web', 4)
    const [container] = deployment.spec!.template.spec!.containers
    const { readinessProbe: _, ...rest } = container!
    await kubectl.apply(
      {
        ...deployment,
        spec: {
          ...deployment.spec,
          template: { ...deployment.spec!.template, spec: { containers: [rest] } },
        },
      },
      aService('web'),
    )
    await until('its pods are available', async () => (await available('web')) === 4, 60_000)
    assert.ok((await holder('kube-controller-manager')) && (await holder('kube-scheduler')))
  })

  it('direct services and give names, from processes of their own', async () => {
    const ip = await kubectl(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'])
    await until('the rules are there', async () => {
      return (await machines.command('three', 'nft', 'list', 'table', 'ip', 'kube-proxy')).stdout.includes(ip)
    })
    const { stdout } = await machines.command(
      'three',
      'busybox',
      'nslookup',
      'web.default.svc.cluster.local',
      machines.address('three'),
    )
    assert.ok(stdout.includes(ip), stdout)
    const { stdout: health } = await machines.command(
      'three',
      'sh',
      '-c',
      `printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' | busybox nc 127.0.0.1 10256`,
    )
    assert.match(health, /200 OK[^]*"nodeEligible":true/)
  })

  it('go on while each is restarted, under load', async () => {
    let made = 0
    const load = new AbortController()
    const failures: string[] = []
    const loading = (async () => {
      while (!load.signal.aborted) {
        const { exitCode, stderr } = await kubectl.result([
          'create',
          'configmap',
          `load-${made++}`,
          '--from-literal=a=b',
        ])
        if (exitCode !== 0) failures.push(stderr)
      }
    })()
    for (const component of ['scheduler', 'controllers']) {
      for (const name of ['one', 'two'] as const) {
        await stop(name, component)
        startRest[component]!(name)
      }
    }
    // The load goes to the other one.
    await stop('one', 'apiserver')
    await startApiServer('one')
    await kubectl(['scale', 'deployment/web', '--replicas=7'])
    await until('its pods are available', async () => (await available('web')) === 7, 60_000)
    load.abort()
    await loading
    assert.deepEqual(failures, [])
    const { items } = await kubectl.json<ObjectList<object>>(['get', 'configmaps'])
    assert.ok(items.length >= made, `${items.length} of ${made} are there`)
  })

  it('elect another leader when the one that leads is cut off', async () => {
    const before = await holder('kube-scheduler')
    for (const name of ['one', 'two'] as const) {
      // The one that leads says so; the other one takes over.
      if (!/"leader":/.test(programs.get(`scheduler ${name}`)!.stderr())) continue
      programs.get(`scheduler ${name}`)!.child.kill('SIGKILL')
    }
    startRest['scheduler']!('two')
    await until('another one leads', async () => (await holder('kube-scheduler')) !== before, 60_000)
    await kubectl(['scale', 'deployment/web', '--replicas=9'])
    await until('its pods are available', async () => (await available('web')) === 9, 60_000)
  })

  it('lose a machine that is cut off, and have it back', async () => {
    const ready = async (name: string) => {
      const node = await kubectl.json<Node>(['get', 'node', name])
      return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status
    }
    // Kubelet, API server and controllers of that machine see one another, and nobody else.
    await machines.disconnect('one')
    await until('the node is lost', async () => (await ready('one')) === 'Unknown', 90_000)
    await machines.connect('one')
    await until('the node is back', async () => (await ready('one')) === 'True', 60_000)
  })

  it('say in their logs nothing of what they may not do', () => {
    const refused = [...programs].flatMap(([name, program]) =>
      program
        .stderr()
        .split('\n')
        .filter((line) => /is forbidden: User \\?"system:/.test(line))
        .map((line) => `${name}: ${line}`),
    )
    assert.deepEqual(refused, [])
  })
})

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { StatefulSet } from '../../src/api/generated/apps.v1.ts'
import type { Lease } from '../../src/api/generated/coordination.v1.ts'
import type { Endpoints, Node, Pod, PodSpec, Toleration } from '../../src/api/generated/core.v1.ts'
import { configMaps, secrets } from '../../src/api/generated/resources.ts'
import { createHttpClient, type HttpClient } from '../../src/client/http/http-client.ts'
import { loadKubeconfig } from '../../src/client/kubeconfig.ts'
import { busyboxImage, findStaticBusybox } from '../../src/cluster/images/busybox-image.ts'
import { bootstrapTokenSecret, newBootstrapToken } from '../../src/cluster/join/join-token.ts'
import { cniNetwork, nodeCgroup } from '../../src/cluster/nodes/node-traces.ts'
import { clusterFolder } from '../../src/cluster/state/cluster-folder.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { skipWithoutEtcd } from '../../src/store/etcd/testing/etcd-server.ts'
import { flags } from './harness/flags.ts'
import { createKubectl, kubectlPrograms, type Kubectl } from './harness/kubectl.ts'
import { withoutContainers } from './harness/machine.ts'
import { createMachines, type Machines } from './harness/machines.ts'
import { aService, aWebDeployment, shell, sleepScript } from './harness/objects.ts'
import type { RunningProgram } from './harness/program.ts'
import { root } from './harness/root.ts'
import { testImage } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

/**
 * A cluster as administrators put it together: three hosts with a container runtime of their own, two API servers on one
 * etcd, two of each elected component, and on each host a kubelet, a proxy and a name server; each a process of its own.
 */
describe('three hosts', { skip: withoutContainers || skipWithoutEtcd }, () => {
  const mark = `e2e-hosts-${randomBytes(2).toString('hex')}`
  const folder = join(root, '.cache/e2e', mark)
  const hosts = ['one', 'two', 'three'] as const
  type Host = (typeof hosts)[number]
  /** Those of the control plane. */
  const masters = ['one', 'two'] as const
  const elected = { controllers: 'kube-controller-manager', scheduler: 'kube-scheduler' } as const
  let machines: Machines<Host | 'outside'>
  let kubectl: Kubectl
  let client: HttpClient
  const programs = new Map<string, RunningProgram>()
  const logs: string[] = []

  const path = (...parts: string[]) => join(folder, ...parts)
  const url = (name: Host) => `https://${machines.address(name)}:6443`
  const place = (host: Host) => clusterFolder(`${mark}-${host}`, path(`host-${host}`))
  const node = (host: Host) => place(host).node(host)
  /** Both API servers, the one on the same machine first. */
  const servers = (host: Host) => (host === 'two' ? masters.toReversed() : masters).map(url)

  const start = (host: Host, component: string, values: Parameters<typeof flags>[0]) => {
    const program = machines.start(host, ['component', component, ...flags(values)])
    programs.set(`${component} ${host}`, program)
    return program
  }
  const end = async (host: Host, component: string, signal: NodeJS.Signals) => {
    const program = programs.get(`${component} ${host}`)!
    program.child.kill(signal)
    logs.push((await program.ended).stderr)
  }
  const said = (program: RunningProgram, what: RegExp, within = 60_000) =>
    until(
      String(what),
      () => {
        if (program.child.exitCode !== null) throw new Error(program.stderr())
        return what.test(program.stderr())
      },
      within,
    )

  const starts: Readonly<Record<string, (host: Host) => RunningProgram>> = {
    apiserver: (host) => {
      const etcd = {
        'etcd-endpoints': `http://${machines.address('one')}:2379`,
        'etcd-prefix': `/k8ts/${mark}`,
      }
      return start(host, 'apiserver', {
        'data-dir': path(host),
        'advertise-address': machines.address(host),
        store: 'etcd',
        ...etcd,
      })
    },
    controllers: (host) =>
      start(host, 'controllers', {
        kubeconfig: path(host, 'controller-manager.kubeconfig'),
        server: servers(host),
        'cluster-signing-cert-file': path(host, 'pki/ca.crt'),
        'cluster-signing-key-file': path(host, 'pki/ca.key'),
        'node-monitor-grace-period': '20s',
        'health-address': '127.0.0.1:10257',
      }),
    scheduler: (host) =>
      start(host, 'scheduler', {
        kubeconfig: path(host, 'scheduler.kubeconfig'),
        server: servers(host),
        'leader-elect-lease-duration': '6s',
        'leader-elect-renew-deadline': '4s',
        'leader-elect-retry-period': '1s',
        'health-address': '127.0.0.1:10259',
      }),
    kubelet: (host) => {
      const own = node(host)
      return start(host, 'kubelet', {
        kubeconfig: path(`kubelet-${host}.kubeconfig`),
        'bootstrap-kubeconfig': path('bootstrap.kubeconfig'),
        server: servers(host),
        'node-name': host,
        'node-ip': machines.address(host),
        'container-runtime-endpoint': own.containerdSocket,
        'root-dir': own.kubeletRoot,
        'pod-logs-dir': own.podLogs,
        'resolv-conf': own.resolvConf,
        'cluster-dns': machines.address(host),
        'cgroup-root': nodeCgroup(place(host).name, host),
        'cni-conf-dir': own.cniConfiguration,
        'cni-cache-dir': own.cniData,
        'cni-network-name': cniNetwork(place(host).name, host),
      })
    },
    proxy: (host) =>
      start(host, 'proxy', {
        kubeconfig: path('one/kube-proxy.kubeconfig'),
        server: servers(host),
        'node-name': host,
        'node-routes': `${machines.address(host).replace(/\.\d+$/, '.0')}/24`,
        'health-address': '127.0.0.1:10251',
      }),
    dns: (host) =>
      start(host, 'dns', {
        kubeconfig: path('one/coredns.kubeconfig'),
        server: servers(host),
        address: machines.address(host),
      }),
  }
  /** Starts a component and waits until it works, or waits for its turn to be elected. */
  const startAndWait = async (host: Host, component: string) => {
    const program = starts[component]!(host)
    if (component === 'apiserver') await said(program, /API server ready/)
    else if (component in elected) await said(program, /The leader is|component ready/)
    else await said(program, /component ready/)
  }
  const restart = async (host: Host, component: string, signal: NodeJS.Signals) => {
    await end(host, component, signal)
    await startAndWait(host, component)
  }

  before(async () => {
    mkdirSync(folder, { recursive: true })
    machines = await createMachines(mark, [...hosts, 'outside'])
    const listen = `http://${machines.address('one')}:2379`
    const etcd = ['etcd', '--data-dir', path('etcd'), '--listen-client-urls', listen]
    programs.set('etcd', machines.startProgram('one', ...etcd, '--advertise-client-urls', listen))
    await startAndWait('one', 'apiserver')
    // The second one is of the same cluster: it has the same authorities.
    mkdirSync(path('two/pki'), { recursive: true })
    for (const file of ['ca.crt', 'ca.key', 'front-proxy-ca.crt', 'front-proxy-ca.key', 'sa.key', 'sa.pub']) {
      cpSync(path('one/pki', file), path('two/pki', file))
    }
    await startAndWait('two', 'apiserver')
    const { connection } = await loadKubeconfig({ paths: [path('one/admin.kubeconfig')] })
    client = createHttpClient({ ...connection, otherServers: [url('two')] })
    kubectl = createKubectl('new', Object.values(kubectlPrograms()).at(-1)!, path('two/admin.kubeconfig'))

    const token = newBootstrapToken()
    await client.create(secrets, bootstrapTokenSecret(token, undefined))
    const admin = readFileSync(path('one/admin.kubeconfig'), 'utf8')
    const bootstrap = admin.replace(
      /^ +client-certificate-data: .*\n +client-key-data: .*\n/m,
      `    token: ${token}\n`,
    )
    assert.ok(bootstrap.includes(token))
    writeFileSync(path('bootstrap.kubeconfig'), bootstrap)
    for (const host of masters) for (const component of ['controllers', 'scheduler']) starts[component]!(host)
    await Promise.all(
      hosts.map(async (host) => {
        const images = place(host).images
        mkdirSync(images, { recursive: true })
        writeFileSync(join(images, 'test.tar'), busyboxImage(testImage, findStaticBusybox()!))
        const prepare = [process.execPath, join(root, 'test/e2e/harness/prepare-host.ts')]
        const which = [`${mark}-${host}`, path(`host-${host}`), host, '10.244.0.0/16']
        const { exitCode, stderr } = await machines.command(host, ...prepare, ...which)
        assert.equal(exitCode, 0, stderr)
        for (const component of ['kubelet', 'proxy', 'dns']) starts[component]!(host)
      }),
    )
  })
  after(async () => {
    for (const load of loads) await load.end()
    client?.close()
    const etcd = programs.get('etcd')
    programs.delete('etcd')
    for (const program of programs.values()) program.child.kill('SIGTERM')
    for (const program of programs.values()) await program.ended
    etcd?.child.kill('SIGTERM')
    await etcd?.ended
    for (const host of hosts) {
      await machines.run(host, [
        'delete',
        '--yes',
        '--name',
        `${mark}-${host}`,
        '--data-dir',
        path(`host-${host}`),
      ])
    }
    await machines.delete()
    rmSync(folder, { recursive: true, force: true })
  })

  const holder = async (lease: string) => {
    const { spec } = await kubectl.json<Lease>(['get', 'lease', '-n', 'kube-system', lease])
    return spec?.holderIdentity ?? ''
  }
  const readiness = async (host: Host) => {
    const { status } = await kubectl.json<Node>(['get', 'node', host])
    return status?.conditions?.find(({ type }) => type === 'Ready')?.status
  }
  const podsOf = async (app: string) =>
    (await kubectl.json<ObjectList<Pod>>(['get', 'pods', '-l', `app=${app}`])).items
  const isReady = ({ status, metadata }: Pod) =>
    metadata?.deletionTimestamp === undefined &&
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true
  const readyPods = async (app: string) => (await podsOf(app)).filter(isReady)
  const apiServers = async () => {
    const { subsets } = await kubectl.json<Endpoints>(['get', 'endpoints', 'kubernetes'])
    return subsets?.[0]?.addresses?.map(({ ip }) => ip) ?? []
  }
  const askHealth = async (host: Host, port: number, target: string) => {
    const ask = `printf 'GET ${target} HTTP/1.0\\r\\n\\r\\n' | busybox nc -w 5 127.0.0.1 ${port}`
    return (await machines.command(host, 'sh', '-c', ask)).stdout
  }

  /** Pods leave a lost node soon. */
  const leaveSoon: Toleration[] = ['not-ready', 'unreachable'].map((key) => ({
    key: `node.kubernetes.io/${key}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 2,
  }))
  const spread = (app: string): Partial<PodSpec> => ({
    tolerations: leaveSoon,
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { app } },
      },
    ],
  })
  const aStatefulSet = (name: string, replicas: number): StatefulSet => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      replicas,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { ...spread(name), containers: [shell(sleepScript)] },
      },
    },
  })

  it('become nodes by a bootstrap token, and run pods', async () => {
    await until(
      'all are ready',
      async () => {
        return (await Promise.all(hosts.map(readiness))).every((status) => status === 'True')
      },
      180_000,
    )
    const web = aWebDeployment('web', 6)
    const podSpec = web.spec!.template.spec!
    await kubectl.apply(
      {
        ...web,
        spec: { ...web.spec, template: { ...web.spec!.template, spec: { ...podSpec, ...spread('web') } } },
      },
      aService('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30_080 }] }),
      aStatefulSet('db', 3),
    )
    await until(
      'all pods are ready',
      async () => {
        return (await readyPods('web')).length === 6 && (await readyPods('db')).length === 3
      },
      90_000,
    )
    for (const app of ['web', 'db']) {
      const places = new Set((await podsOf(app)).map(({ spec }) => spec?.nodeName))
      assert.deepEqual(places, new Set(hosts), app)
    }
    const [first] = await podsOf('web')
    assert.match(
      await kubectl(['exec', first?.metadata?.name ?? '', '--', 'nslookup', 'web.default.svc.cluster.local']),
      /10\.96\./,
    )
    await until('both API servers are endpoints', async () => (await apiServers()).length === 2)
  })

  it('tell how each process is, and what it is told', async () => {
    for (const [port, group] of [
      [10_257, 'kubecontrollermanager'],
      [10_259, 'kubescheduler'],
      [10_251, 'kubeproxy'],
    ] as const) {
      for (const target of ['/healthz', '/livez'])
        assert.match(await askHealth('one', port, target), /200 OK[^]*ok$/)
      assert.match(await askHealth('one', port, '/metrics'), /# TYPE /)
      assert.match(await askHealth('one', port, '/configz'), new RegExp(`"${group}.config.k8s.io":`))
    }
  })

  interface Load {
    /** What failed since the last call. */
    failures(): readonly string[]
    /** Of the requests to the Service. */
    answered(): number
    end(): Promise<void>
  }
  const loads = new Set<Load>()
  /** Asks the Service from outside, by the hosts that stay, and writes to the API by either server. */
  function underLoad(): Load {
    const urls = masters.map((host) => `http://${machines.address(host)}:30080/version`)
    const program = [process.execPath, join(root, 'test/e2e/harness/http-load.ts'), '50', ...urls]
    const asking = machines.startProgram('outside', ...program)
    let told = 0
    let writes: string[] = []
    let made = 0
    const stop = new AbortController()
    const writing = (async () => {
      while (!stop.signal.aborted) {
        try {
          await client.create(configMaps, { metadata: { namespace: 'default', generateName: 'load-' } })
          made += 1
        } catch (error) {
          writes.push(`write ${made}: ${(error as Error).message}`)
          made += 1
        }
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })()
    const load: Load = {
      failures() {
        const lines = asking.stdout().split('\n').slice(0, -1)
        const found = lines.slice(told).filter((line) => line !== 'ok')
        told = lines.length
        const all = [...found, ...writes]
        writes = []
        return all
      },
      answered: () => asking.stdout().split('\n').length - 1,
      async end() {
        stop.abort()
        await writing
        asking.child.kill('SIGTERM')
        await asking.ended
        loads.delete(load)
      },
    }
    loads.add(load)
    return load
  }

  it('lose no request while each component is stopped and started again', async () => {
    const load = underLoad()
    const restarts = async () =>
      (await podsOf('web')).map(({ metadata, status }) => [
        metadata?.uid,
        status?.containerStatuses?.[0]?.restartCount,
      ])
    const before = await restarts()
    for (const component of ['apiserver', 'controllers', 'scheduler'] as const) {
      for (const host of masters) {
        await restart(host, component, 'SIGTERM')
        assert.deepEqual(load.failures(), [], `${component} of ${host}`)
      }
    }
    for (const component of ['kubelet', 'proxy', 'dns']) {
      await Promise.all(hosts.map((host) => restart(host, component, 'SIGTERM')))
      assert.deepEqual(load.failures(), [], component)
    }
    assert.deepEqual(await restarts(), before, 'containers ran on')
    await until('many were answered', () => load.answered() > 100)
    assert.deepEqual(load.failures(), [])
    await load.end()
  })

  it('lose no request of the Service while each component is killed', async () => {
    const load = underLoad()
    for (const component of ['controllers', 'scheduler', 'apiserver', 'kubelet', 'proxy', 'dns']) {
      const host = component === 'kubelet' ? 'three' : 'two'
      await restart(host, component, 'SIGKILL')
      // A write may have been under way: whether it was done, nobody can tell its sender.
      const failures = load.failures()
      assert.deepEqual(
        failures.filter((line) => !line.startsWith('write')),
        [],
        component,
      )
      assert.ok(
        failures.length <= (component === 'apiserver' ? 2 : 0),
        `${component}: ${failures.join('\n')}`,
      )
    }
    await load.end()
  })

  it('elect another leader: at once from one that leaves, and after its lease from one that is killed', async () => {
    const leaderOf = (component: keyof typeof elected) =>
      until('one leads', async () => {
        const name = await holder(elected[component])
        return masters.find((host) => {
          const own = [
            ...programs
              .get(`${component} ${host}`)!
              .stderr()
              .matchAll(/"identity":"([^"]+)"/g),
          ]
          return name !== '' && own.at(-1)?.[1] === name
        })
      })
    const takenOver = async (component: keyof typeof elected, signal: NodeJS.Signals, withinMs: number) => {
      const [leader, before] = [await leaderOf(component), await holder(elected[component])]
      await end(leader, component, signal)
      await until(
        `another ${component} leads`,
        async () => {
          const now = await holder(elected[component])
          return now !== '' && now !== before
        },
        withinMs,
      )
      await startAndWait(leader, component)
    }
    await takenOver('scheduler', 'SIGTERM', 4_000)
    await takenOver('controllers', 'SIGTERM', 8_000)
    await takenOver('scheduler', 'SIGKILL', 12_000)
  })

  it('go on by the other API server where one is lost', async () => {
    assert.equal((await apiServers()).length, 2)
    await end('one', 'apiserver', 'SIGKILL')
    await kubectl(['scale', 'deployment/web', '--replicas=8'])
    await until('its pods are ready', async () => (await readyPods('web')).length === 8, 60_000)
    await until(
      'it is no endpoint any more',
      async () => (await apiServers()).join() === machines.address('two'),
      40_000,
    )
    assert.deepEqual(await Promise.all(hosts.map(readiness)), ['True', 'True', 'True'])
    await startAndWait('one', 'apiserver')
    await kubectl(['scale', 'deployment/web', '--replicas=6'])
    await until('its pods are gone', async () => (await podsOf('web')).length === 6, 60_000)
  })

  it('go on without a host that is cut off, and take it back', async () => {
    const onThree = async (app: string) =>
      (await podsOf(app)).filter(({ spec }) => spec?.nodeName === 'three')
    const [lostWeb, lostDb] = [await onThree('web'), await onThree('db')]
    assert.ok(lostWeb.length >= 1 && lostDb.length === 1)
    await machines.disconnect('three')
    await until('the node is lost', async () => (await readiness('three')) === 'Unknown', 60_000)
    await until(
      'pods are elsewhere',
      async () => {
        const ready = await readyPods('web')
        return ready.length === 6 && ready.every(({ spec }) => spec?.nodeName !== 'three')
      },
      60_000,
    )
    const { spec } = await kubectl.json<Node>(['get', 'node', 'three'])
    assert.deepEqual(spec?.taints?.map(({ key, effect }) => `${key}:${effect}`).sort(), [
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ])
    // What is on the other side may still run: there is no second pod of its ordinal.
    const ordinal = lostDb[0]!.metadata!.name!
    const held = await kubectl.json<Pod>(['get', 'pod', ordinal])
    assert.equal(held.metadata?.uid, lostDb[0]!.metadata?.uid)
    assert.ok(held.metadata?.deletionTimestamp)
    const load = underLoad()
    await machines.connect('three')
    await until('the node is back', async () => (await readiness('three')) === 'True', 60_000)
    await until(
      'its old pods have ended',
      async () => {
        const now = await podsOf('web')
        return (
          now.length === 6 &&
          !now.some(({ metadata }) => lostWeb.some((pod) => pod.metadata?.uid === metadata?.uid))
        )
      },
      60_000,
    )
    await until(
      'the ordinal is filled again',
      async () => {
        const [pod] = (await readyPods('db')).filter(({ metadata }) => metadata?.name === ordinal)
        return pod !== undefined && pod.metadata?.uid !== lostDb[0]!.metadata?.uid
      },
      60_000,
    )
    assert.deepEqual(load.failures(), [])
    await load.end()
  })

  it('say in their logs nothing of what they may not do', () => {
    const all = [...logs, ...[...programs.values()].map((program) => program.stderr())]
    const refused = all.flatMap((text) =>
      text.split('\n').filter((line) => /is forbidden: User \\?"system:/.test(line)),
    )
    assert.deepEqual([...new Set(refused)], [])
  })
})

import {
  ApiException,
  AppsV1Api,
  Attach,
  AuthenticationV1Api,
  AuthorizationV1Api,
  BatchV1Api,
  CoordinationV1Api,
  CoreV1Api,
  Cp,
  Exec,
  Health,
  KubeConfig,
  KubernetesObjectApi,
  Log,
  makeInformer,
  Metrics,
  NetworkingV1Api,
  PatchStrategy,
  PolicyV1Api,
  PortForward,
  RbacAuthorizationV1Api,
  setHeaderMiddleware,
  setHeaderOptions,
  StorageV1Api,
  topNodes,
  topPods,
  V1MicroTime,
  VersionApi,
  Watch,
  type KubernetesObject,
  type PodMetric,
  type V1ConfigMap,
  type V1Deployment,
  type V1Pod,
  type V1Status,
} from '@kubernetes/client-node'
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster as InProcessCluster } from '../../src/cluster/testing.ts'
import { withoutContainers } from './harness/machine.ts'
import { shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

const patchType = (strategy: PatchStrategy) => setHeaderOptions('Content-Type', strategy)

function isRefused(code: number) {
  return (error: unknown) => error instanceof ApiException && error.code === code
}

function kubeConfigOf(text: string): KubeConfig {
  const config = new KubeConfig()
  config.loadFromString(text)
  return config
}

async function createNamespace(config: KubeConfig): Promise<string> {
  const name = `node-${randomBytes(4).toString('hex')}`
  await config.makeApiClient(CoreV1Api).createNamespace({ body: { metadata: { name } } })
  return name
}

function aDeployment(name: string, replicas: number): V1Deployment {
  const template = {
    metadata: { labels: { name } },
    spec: { containers: [{ name: 'main', image: 'server:1' }] },
  }
  return { metadata: { name }, spec: { replicas, selector: { matchLabels: { name } }, template } }
}

describe('@kubernetes/client-node', { concurrency: true }, () => {
  let cluster: InProcessCluster
  let config: KubeConfig
  let core: CoreV1Api
  before(async () => {
    cluster = await startCluster({ nodes: 1 })
    config = kubeConfigOf(cluster.kubeconfig)
    core = config.makeApiClient(CoreV1Api)
  })
  after(() => cluster.stop())

  it('creates, reads, replaces, patches in every way and deletes', async () => {
    const namespace = await createNamespace(config)
    const name = 'map'
    const made = await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name }, data: { a: '1' } },
    })
    assert.ok(made.metadata?.creationTimestamp instanceof Date)
    await assert.rejects(
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } }),
      isRefused(409),
    )
    const replaced = await core.replaceNamespacedConfigMap({
      namespace,
      name,
      body: { metadata: made.metadata, data: { b: '2' } },
    })
    assert.deepEqual(replaced.data, { b: '2' })
    await assert.rejects(core.replaceNamespacedConfigMap({ namespace, name, body: made }), isRefused(409))

    const patch = (strategy: PatchStrategy, body: object) =>
      core.patchNamespacedConfigMap({ namespace, name, body, fieldManager: 'test' }, patchType(strategy))
    await patch(PatchStrategy.MergePatch, { data: { b: null, c: '3' } })
    await patch(PatchStrategy.StrategicMergePatch, { data: { d: '4' } })
    const patched = await patch(PatchStrategy.JsonPatch, [{ op: 'remove', path: '/data/c' }])
    assert.deepEqual(patched.data, { d: '4' })
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { e: '5' } }
    const applied = await patch(PatchStrategy.ServerSideApply, body)
    assert.deepEqual(applied.data, { d: '4', e: '5' })
    assert.ok(
      applied.metadata?.managedFields?.some(
        ({ manager, operation }) => manager === 'test' && operation === 'Apply',
      ),
    )

    const answer = await core.deleteNamespacedConfigMap({ namespace, name })
    assert.equal(answer.status, 'Success')
    await assert.rejects(core.readNamespacedConfigMap({ namespace, name }), isRefused(404))
  })

  it('knows many kinds', async () => {
    const namespace = await createNamespace(config)
    const metadata = { name: 'one' }
    const secret = await core.createNamespacedSecret({
      namespace,
      body: { metadata, stringData: { a: 'b' } },
    })
    assert.deepEqual(secret.data, { a: 'Yg==' })
    const service = await core.createNamespacedService({
      namespace,
      body: { metadata, spec: { ports: [{ port: 80, targetPort: 'http' }] } },
    })
    assert.equal(service.spec?.ports?.[0]?.targetPort, 'http')
    const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
    await config
      .makeApiClient(RbacAuthorizationV1Api)
      .createNamespacedRole({ namespace, body: { metadata, rules } })
    const budget = await config.makeApiClient(PolicyV1Api).createNamespacedPodDisruptionBudget({
      namespace,
      body: { metadata, spec: { minAvailable: '50%', selector: {} } },
    })
    assert.equal(budget.spec?.minAvailable, '50%')
    const defaultBackend = { service: { name: 'one', port: { number: 80 } } }
    await config.makeApiClient(NetworkingV1Api).createNamespacedIngress({
      namespace,
      body: { metadata, spec: { defaultBackend } },
    })
    const storage = config.makeApiClient(StorageV1Api)
    await storage.createStorageClass({
      body: { metadata: { name: namespace }, provisioner: 'example.com/none' },
    })
    const deleted = await storage.deleteStorageClass({ name: namespace })
    assert.equal(deleted.provisioner, 'example.com/none')
    const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'job:1' }] } }
    const job = await config.makeApiClient(BatchV1Api).createNamespacedCronJob({
      namespace,
      body: { metadata, spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: { template } } } },
    })
    assert.equal(job.spec?.concurrencyPolicy, 'Allow')
    const renewTime = new V1MicroTime('2026-01-02T03:04:05.000006Z')
    const lease = await config.makeApiClient(CoordinationV1Api).createNamespacedLease({
      namespace,
      body: { metadata, spec: { holderIdentity: 'me', renewTime } },
    })
    assert.equal(new Date(String(lease.spec?.renewTime)).getTime(), renewTime.getTime())
    const review = await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({
      body: { spec: { resourceAttributes: { namespace, verb: 'get', resource: 'pods' } } },
    })
    assert.equal(review.status?.allowed, true)
    const { major, minor } = await config.makeApiClient(VersionApi).getCode()
    assert.deepEqual([major, minor], ['1', '36'])
  })

  it('works on objects of whatever kind', async () => {
    const namespace = await createNamespace(config)
    const objects = KubernetesObjectApi.makeApiClient(config)
    const header = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace, name: 'web' } }
    await objects.create({ ...header, spec: aDeployment('web', 0).spec! })
    const read = await objects.read<V1Deployment>(header)
    assert.equal(read.spec?.replicas, 0)
    const scaled: KubernetesObject & { spec: object } = { ...header, spec: { replicas: 1 } }
    await objects.patch(scaled, undefined, undefined, 'test', undefined, PatchStrategy.MergePatch)
    const applied = { ...header, spec: aDeployment('web', 2).spec! }
    await objects.patch(applied, undefined, undefined, 'test', true, PatchStrategy.ServerSideApply)
    const { items } = await objects.list<V1Deployment>('apps/v1', 'Deployment', namespace)
    assert.deepEqual(
      items.map(({ spec }) => spec?.replicas),
      [2],
    )
    const changed = await objects.read<V1Deployment>(header)
    changed.metadata!.labels = { a: 'b' }
    assert.deepEqual((await objects.replace(changed)).metadata?.labels, { a: 'b' })
    await objects.delete(header)
    await assert.rejects(objects.read(header), isRefused(404))
  })

  it('scales deployments, and reads their status', async () => {
    const namespace = await createNamespace(config)
    const apps = config.makeApiClient(AppsV1Api)
    const name = { namespace, name: 'web' }
    await apps.createNamespacedDeployment({ namespace, body: aDeployment('web', 1) })
    const scale = await apps.readNamespacedDeploymentScale(name)
    scale.spec = { replicas: 2 }
    await apps.replaceNamespacedDeploymentScale({ ...name, body: scale })
    await until('two replicas', async () => {
      return (await apps.readNamespacedDeploymentStatus(name)).status?.availableReplicas === 2
    })
    await apps.deleteCollectionNamespacedDeployment({ namespace, propagationPolicy: 'Foreground' })
    await until('no pods', async () => (await core.listNamespacedPod({ namespace })).items.length === 0)
  })

  it('lists in chunks and watches from where the list was', async () => {
    const namespace = await createNamespace(config)
    const labels = { kind: 'listed' }
    const labelSelector = 'kind=listed'
    const create = (name: string) =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name, labels } } })
    for (let index = 0; index < 5; index++) await create(`map-${index}`)
    const names: (string | undefined)[] = []
    let [token, resourceVersion]: (string | undefined)[] = []
    do {
      const page = await core.listNamespacedConfigMap({
        namespace,
        labelSelector,
        limit: 2,
        ...(token && { _continue: token }),
      })
      names.push(...page.items.map(({ metadata }) => metadata?.name))
      ;({ _continue: token, resourceVersion } = page.metadata ?? {})
    } while (token)
    assert.deepEqual(names, ['map-0', 'map-1', 'map-2', 'map-3', 'map-4'])
    const seen: string[] = []
    const request = await new Watch(config).watch(
      `/api/v1/namespaces/${namespace}/configmaps`,
      { labelSelector, resourceVersion, allowWatchBookmarks: true },
      (phase, object: V1ConfigMap) => seen.push(`${phase} ${object.metadata?.name}`),
      () => {},
    )
    await create('later')
    await core.deleteNamespacedConfigMap({ namespace, name: 'map-0' })
    await until('both events', () => seen.length === 2)
    request.abort()
    assert.deepEqual(seen, ['ADDED later', 'DELETED map-0'])
  })

  it('keeps an informer right through lost connections', async () => {
    const namespace = await createNamespace(config)
    await using proxy = await startProxy(cluster.server)
    const cut = kubeConfigOf(cluster.kubeconfig.replace(cluster.server, proxy.url))
    const proxied = cut.makeApiClient(CoreV1Api)
    const informer = makeInformer(cut, `/api/v1/namespaces/${namespace}/configmaps`, () =>
      proxied.listNamespacedConfigMap({ namespace }),
    )
    const seen: string[] = []
    for (const verb of ['add', 'update', 'delete'] as const) {
      informer.on(verb, ({ metadata }: V1ConfigMap) => {
        if (metadata?.name !== 'kube-root-ca.crt') seen.push(`${verb} ${metadata?.name}`)
      })
    }
    let errors = 0
    informer.on('error', () => {
      errors++
      setTimeout(() => void informer.start(), 50)
    })
    await informer.start()
    const create = (name: string) =>
      core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } })
    await create('one')
    await until('one is seen', () => seen.includes('add one'))
    for (const name of ['two', 'three']) {
      proxy.cut()
      await create(name)
      await until(`${name} is seen`, () => seen.includes(`add ${name}`))
    }
    await core.deleteNamespacedConfigMap({ namespace, name: 'one' })
    await until('one is gone', () => seen.includes('delete one'))
    assert.ok(errors > 0)
    assert.deepEqual(seen, ['add one', 'add two', 'add three', 'delete one'])
    const cached = informer.list(namespace).map(({ metadata }) => metadata?.name)
    assert.deepEqual(new Set(cached), new Set(['kube-root-ca.crt', 'two', 'three']))
    await informer.stop()
  })

  it('asks for health, and for what nodes have', async () => {
    const health = new Health(config)
    assert.equal(await health.readyz({}), true)
    assert.equal(await health.livez({}), true)
    const [node] = await topNodes(core)
    assert.ok(Number(node?.CPU.Capacity) > 0)
  })

  it('reads the metrics of nodes', async () => {
    const { items } = await new Metrics(config).getNodeMetrics()
    assert.ok(items.length > 0)
    for (const { usage } of items) assert.match(usage.cpu, /^\d+[nmu]?$/)
  })

  it('reads the metrics of pods, and what is the most', async () => {
    const namespace = await createNamespace(config)
    await config
      .makeApiClient(AppsV1Api)
      .createNamespacedDeployment({ namespace, body: aDeployment('measured', 2) })
    const metrics = new Metrics(config)
    await until('metrics of both pods', async () => {
      return (await metrics.getPodMetrics(namespace)).items.length === 2
    })
    const tops = await topPods(core, metrics, namespace)
    assert.deepEqual(
      tops.map(({ Pod, Containers }) => [
        Pod.metadata?.namespace,
        Containers.map(({ Container }) => Container),
      ]),
      [
        [namespace, ['main']],
        [namespace, ['main']],
      ],
    )
    const [{ containers }] = (await metrics.getPodMetrics(namespace)).items as [PodMetric]
    assert.match(containers[0]!.usage.memory, /^\d+[KM]i$/)
  })

  it('adds headers to what it asks', async () => {
    const reviews = config.makeApiClient(AuthenticationV1Api)
    const jane = setHeaderOptions('Impersonate-User', 'jane')
    const { status } = await reviews.createSelfSubjectReview({ body: {} }, jane)
    assert.equal(status?.userInfo?.username, 'jane')
    const middleware = [setHeaderMiddleware('Impersonate-User', 'john')]
    await assert.rejects(
      core.listNamespacedSecret({ namespace: 'default' }, { middleware, middlewareMergeStrategy: 'append' }),
      isRefused(403),
    )
  })
})

describe('@kubernetes/client-node with containers', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  let config: KubeConfig
  let core: CoreV1Api
  let folder: string
  const namespace = 'default'
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-e2e-'))
    cluster = aCluster('client-node')
    await cluster.up()
    await cluster.loadTestImage()
    config = kubeConfigOf(readFileSync(cluster.kubeconfig, 'utf8'))
    core = config.makeApiClient(CoreV1Api)
    await run('shell', `echo one; echo two; ${sleepScript}`)
  })
  after(async () => {
    rmSync(folder, { recursive: true })
    await cluster.delete()
  })

  async function run(name: string, script: string, more: object = {}): Promise<V1Pod> {
    const spec = { terminationGracePeriodSeconds: 1, containers: [{ ...shell(script), ...more }] }
    const body = { metadata: { name, labels: { name } }, spec } as unknown as V1Pod
    await core.createNamespacedPod({ namespace, body })
    return until(`${name} runs`, async () => {
      const pod = await core.readNamespacedPod({ namespace, name })
      return pod.status?.phase === 'Running' && pod
    })
  }

  /** What a command prints. */
  async function execute(command: string[], input?: string): Promise<string> {
    const output = collect()
    const stdin = input === undefined ? null : Readable.from([input])
    await new Promise<V1Status>((resolve, reject) => {
      new Exec(config)
        .exec(namespace, 'shell', 'main', command, output.stream, null, stdin, false, resolve)
        .catch(reject)
    })
    return output.text()
  }

  it('executes commands with input', async () => {
    assert.equal(await execute(['sh', '-c', 'read line; echo "heard $line"'], 'you\n'), 'heard you\n')
  })

  it('executes commands and tells their end', async () => {
    const [stdout, stderr] = [collect(), collect()]
    const status = await new Promise<V1Status>((resolve, reject) => {
      const command = ['sh', '-c', 'echo out; echo err >&2; exit 7']
      new Exec(config)
        .exec(namespace, 'shell', 'main', command, stdout.stream, stderr.stream, null, false, resolve)
        .catch(reject)
    })
    assert.deepEqual([stdout.text(), stderr.text()], ['out\n', 'err\n'])
    assert.deepEqual([status.status, status.reason], ['Failure', 'NonZeroExitCode'])
    assert.deepEqual(status.details?.causes, [{ reason: 'ExitCode', message: '7' }])
  })

  it('attaches', async () => {
    await run('echo', 'read line; echo "heard $line"; sleep 5', { stdin: true, stdinOnce: true })
    const [stdin, stdout] = [new PassThrough(), collect()]
    const socket = await new Attach(config).attach(
      namespace,
      'echo',
      'main',
      stdout.stream,
      null,
      stdin,
      false,
    )
    stdin.write('you\n')
    await until('it has heard', () => stdout.text() === 'heard you\n')
    socket.close()
  })

  it('forwards ports', async () => {
    await run('web', 'mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www')
    const forward = new PortForward(config)
    const listener = createServer((socket) => {
      forward.portForward(namespace, 'web', [8080], socket, null, socket).catch(() => socket.destroy())
    })
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
    const { port } = listener.address() as { port: number }
    const answer = await until('it answers', async () => (await fetch(`http://127.0.0.1:${port}/`)).text())
    assert.equal(answer, 'hello\n')
    await new Promise((resolve) => listener.close(resolve))
  })

  it('copies files there and back', async () => {
    const [there, back] = [join(folder, 'there'), join(folder, 'back')]
    for (const made of [there, back]) mkdirSync(made)
    writeFileSync(join(there, 'file'), 'content\n'.repeat(20_000))
    const cp = new Cp(config)
    await cp.cpToPod(namespace, 'shell', 'main', there, '/tmp')
    // Both resolve when the copying has begun.
    const size = String(statSync(join(there, 'file')).size)
    await until('it is there', async () => (await execute(['sh', '-c', 'wc -c < /tmp/file'])).trim() === size)
    await cp.cpFromPod(namespace, 'shell', 'main', 'file', back, '/tmp')
    await until('it is back', () => String(statSync(join(back, 'file')).size) === size)
    assert.equal(readFileSync(join(back, 'file'), 'utf8'), readFileSync(join(there, 'file'), 'utf8'))
  })

  it('reads logs, and follows them', async () => {
    assert.equal(await core.readNamespacedPodLog({ namespace, name: 'shell', tailLines: 1 }), 'two\n')
    await run('talks', 'echo one; sleep 1; echo two')
    const output = collect()
    await new Log(config).log(namespace, 'talks', 'main', output.stream, { follow: true, timestamps: true })
    await until('both lines', () => /^\S+Z one\n\S+Z two\n$/.test(output.text()))
  })

  it('reaches pods through the API server', async () => {
    const answer = await core.connectGetNamespacedPodProxyWithPath({
      namespace,
      name: 'web:8080',
      path: 'index.html',
    })
    assert.equal(answer, 'hello\n')
  })
})

interface Collected {
  readonly stream: PassThrough
  text(): string
}

function collect(): Collected {
  const stream = new PassThrough()
  let text = ''
  // A request that is aborted destroys it with an error.
  stream.on('error', () => {})
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  return { stream, text: () => text }
}

interface Proxy extends AsyncDisposable {
  readonly url: string
  /** Cuts every connection that is open. */
  cut(): void
}

/** A line to the API server that can be cut. */
async function startProxy(server: string): Promise<Proxy> {
  const open = new Set<Socket>()
  const target = Number(new URL(server).port)
  const listener = createServer((near) => {
    const far = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.pipe(other)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        open.delete(one)
        other.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of open) socket.destroy()
  }
  return {
    url: `https://127.0.0.1:${(listener.address() as { port: number }).port}`,
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

import assert from 'node:assert/strict'
import { WebSocket } from 'ws'
import type { Container, ContainerStatus, Pod, PodSpec, Probe } from '../../../src/api/generated/core.v1.ts'
import { pods } from '../../../src/api/generated/resources.ts'
import type { HttpClient } from '../../../src/client/http/http-client.ts'
import type { ConnectionOptions } from '../../../src/client/kubeconfig.ts'
import { parseTime } from '../../../src/machinery/time.ts'
import { readEvents, untilGone, untilObject } from '../../conformance/harness/until-object.ts'
import { testImage } from '../harness/test-cluster.ts'
import { until } from '../harness/until.ts'
import { grpcServer, grpcServerVolumes } from './grpc-server.ts'

export interface ScenarioScope {
  readonly client: HttpClient
  readonly connection: ConnectionOptions
  readonly namespace: string
}

/** Something that is done to pods while they live. */
export interface Scenario {
  readonly title: string
  run(scope: ScenarioScope): Promise<void>
}

const main = (script: string, rest: Partial<Container> = {}): Container => ({
  name: 'main',
  image: testImage,
  command: ['sh', '-c', script],
  ...rest,
})
const forEver = "trap 'exit 0' TERM; while :; do sleep 0.2; done"

const statusOf = ({ status }: Pod, name = 'main'): ContainerStatus | undefined =>
  [...(status?.containerStatuses ?? []), ...(status?.ephemeralContainerStatuses ?? [])].find(
    (status) => status.name === name,
  )
const isRunning = ({ status }: Pod) => status?.phase === 'Running'
const isReady = ({ status }: Pod) =>
  status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
const isMisconfigured = (pod: Pod) => statusOf(pod)?.state?.waiting?.reason === 'CreateContainerConfigError'
const restartCount = (pod: Pod) => statusOf(pod)?.restartCount ?? 0

async function create(
  { client, namespace }: ScenarioScope,
  spec: Partial<PodSpec> & Pick<PodSpec, 'containers'>,
  metadata: Pod['metadata'] = {},
): Promise<Pod> {
  return client.create(pods, {
    metadata: { name: 'pod', ...metadata, namespace },
    spec: { terminationGracePeriodSeconds: 1, ...spec },
  })
}

const untilPod = ({ client, namespace }: ScenarioScope, accept: (pod: Pod) => boolean, name = 'pod') =>
  untilObject(client, pods, { namespace, name }, accept)

const logOf = ({ client, namespace }: ScenarioScope, name: string, container = 'main') =>
  client.raw(`/api/v1/namespaces/${namespace}/pods/${name}/log?container=${container}`)

/** Runs with a liveness probe until it has been started again as often. */
async function restarts(scope: ScenarioScope, script: string, livenessProbe: Probe, times = 1) {
  const seen: number[] = []
  await create(scope, { containers: [main(script, { livenessProbe })] })
  await untilPod(scope, (pod) => {
    seen.push(restartCount(pod))
    return restartCount(pod) >= times
  })
  assert.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
    'counts only grow',
  )
}

const often = { periodSeconds: 1, failureThreshold: 1 }
const addEphemeral = ({ client, namespace }: ScenarioScope, name: string, script: string) =>
  client.patch(
    pods,
    { namespace, name: 'pod' },
    {
      type: 'strategic',
      body: { spec: { ephemeralContainers: [{ ...main(script), name, targetContainerName: 'main' }] } },
    },
    { subresource: 'ephemeralcontainers' },
  )

const probes: readonly Scenario[] = [
  {
    title: 'a restart when its command does not find it alive',
    run: (scope) =>
      restarts(scope, `touch /tmp/health; sleep 2; rm /tmp/health; sleep 60`, {
        exec: { command: ['cat', '/tmp/health'] },
        initialDelaySeconds: 1,
        ...often,
      }),
  },
  {
    title: 'a restart when its page is not found any more, and one more each time',
    run: (scope) =>
      restarts(
        scope,
        'mkdir /w; echo > /w/healthz; httpd -p 8080 -h /w; sleep 2; rm /w/healthz; sleep 60',
        { httpGet: { path: '/healthz', port: 8080 }, initialDelaySeconds: 1, ...often },
        2,
      ),
  },
  {
    title: 'no restart while its gRPC service serves, and one when it does not',
    run: async (scope) => {
      const livenessProbe = {
        grpc: { port: 8080, service: '' },
        initialDelaySeconds: 2,
        periodSeconds: 1,
        failureThreshold: 2,
      }
      const { client, namespace } = scope
      const server = (isServing: boolean) => ({
        containers: [grpcServer(isServing, { livenessProbe })],
        volumes: grpcServerVolumes,
      })
      await create(scope, server(true))
      await create(scope, server(false), { name: 'failing' })
      await untilPod(scope, (pod) => restartCount(pod) > 0, 'failing')
      const serving = await client.get(pods, { namespace, name: 'pod' })
      assert.equal(serving.status?.phase, 'Running')
      assert.equal(restartCount(serving), 0)
    },
  },
  {
    title: 'no readiness before the delay of its probe',
    run: async (scope) => {
      const readinessProbe = { exec: { command: ['true'] }, initialDelaySeconds: 4, periodSeconds: 1 }
      await create(scope, { containers: [main(forEver, { readinessProbe })] })
      const pod = await untilPod(scope, isReady)
      const startedMs = parseTime(statusOf(pod)?.state?.running?.startedAt) ?? 0
      const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')
      // Both times are whole seconds.
      assert.ok((parseTime(ready?.lastTransitionTime) ?? 0) - startedMs >= 3000)
      assert.equal(restartCount(pod), 0)
    },
  },
  {
    title: 'no readiness ever where its probe fails, and no restart',
    run: async (scope) => {
      const { client, namespace } = scope
      const readinessProbe = { exec: { command: ['false'] }, periodSeconds: 1 }
      const events = readEvents(client, pods, { namespace, resourceVersion: '0' })
      try {
        await create(scope, { containers: [main('sleep 5', { readinessProbe })], restartPolicy: 'Never' })
        for (;;) {
          const { object } = await events.next()
          assert.ok(!isReady(object))
          assert.equal(restartCount(object), 0)
          if (object.status?.phase === 'Succeeded') break
        }
      } finally {
        events.close()
      }
    },
  },
]

const hooks: readonly Scenario[] = [
  {
    title: 'a request made before its end',
    run: async (scope) => {
      const { client, namespace } = scope
      await create(
        scope,
        { containers: [main('mkdir /w; echo > /w/echo; exec httpd -f -vv -p 8080 -h /w')] },
        { name: 'handler' },
      )
      const handler = await untilPod(scope, isRunning, 'handler')
      const httpGet = { host: handler.status?.podIP ?? '', path: '/echo?msg=prestop', port: 8080 }
      await create(scope, {
        containers: [main(forEver, { lifecycle: { preStop: { httpGet } } })],
        terminationGracePeriodSeconds: 15,
      })
      await untilPod(scope, isRunning)
      await client.delete(pods, { namespace, name: 'pod' })
      await untilGone(client, pods, { namespace, name: 'pod' })
      await until('the hook is heard of', async () => /echo/.test((await logOf(scope, 'handler')) ?? ''))
    },
  },
]

const containers: readonly Scenario[] = [
  {
    title: 'a restart count, phase, readiness and state by its restart policy',
    run: async (scope) => {
      const rows = [
        { name: 'always', policy: 'Always', phase: 'Running', restarts: 2 },
        { name: 'on-failure', policy: 'OnFailure', phase: 'Succeeded', restarts: 1 },
        { name: 'never', policy: 'Never', phase: 'Failed', restarts: 0 },
      ]
      /** Fails the first time, then ends well; the one that always restarts stays the third time. */
      const script = `echo >> /data/runs; count=$(wc -l < /data/runs)
if [ $count = 1 ]; then exit 1; fi
if [ $count -lt 3 ]; then exit 0; fi
${forEver}`
      await Promise.all(
        rows.map(async ({ name, policy, phase, restarts }) => {
          await create(
            scope,
            {
              restartPolicy: policy as 'Always',
              containers: [main(script, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
              volumes: [{ name: 'data', emptyDir: {} }],
            },
            { name },
          )
          const pod = await untilPod(
            scope,
            (pod) => pod.status?.phase === phase && restartCount(pod) === restarts,
            name,
          )
          const status = phase === 'Running' ? await untilPod(scope, isReady, name) : pod
          assert.equal(statusOf(status)?.ready, phase === 'Running')
          const { terminated } = statusOf(status)?.state ?? {}
          if (phase !== 'Running') assert.equal(terminated?.exitCode, phase === 'Failed' ? 1 : 0)
        }),
      )
    },
  },
  {
    title: 'init containers before those that always restart',
    run: async (scope) => {
      const init = ['one', 'two'].map((name) => ({ ...main('true'), name }))
      await create(scope, { initContainers: init, containers: [main(forEver)] })
      const { status } = await untilPod(scope, isReady)
      assert.equal(status?.conditions?.find(({ type }) => type === 'Initialized')?.status, 'True')
      assert.equal(status?.initContainerStatuses?.length, 2)
      for (const { ready, state } of status?.initContainerStatuses ?? []) {
        assert.ok(ready)
        assert.equal(state?.terminated?.exitCode, 0)
      }
    },
  },
  {
    title: 'its init container again and again where it fails, and nothing behind it',
    run: async (scope) => {
      const init = [
        { ...main('false'), name: 'one' },
        { ...main('true'), name: 'two' },
      ]
      await create(scope, { initContainers: init, containers: [main(forEver)] })
      const { status } = await untilPod(scope, ({ status }) => {
        assert.ok(!status?.containerStatuses?.[0]?.state?.running)
        return (status?.initContainerStatuses?.[0]?.restartCount ?? 0) >= 2
      })
      assert.equal(status?.phase, 'Pending')
      assert.equal(
        status?.conditions?.find(({ type }) => type === 'Initialized')?.reason,
        'ContainersNotInitialized',
      )
      assert.ok(status?.initContainerStatuses?.[1]?.state?.waiting)
      assert.equal(status?.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing')
    },
  },
  {
    title: 'ephemeral containers added while it runs',
    run: async (scope) => {
      const { client, namespace } = scope
      await create(scope, { containers: [main(forEver)] })
      await untilPod(scope, isRunning)
      await addEphemeral(scope, 'debugger', `echo polo; ${forEver}`)
      await untilPod(scope, (pod) => statusOf(pod, 'debugger')?.state?.running !== undefined)
      await until('it speaks', async () => (await logOf(scope, 'pod', 'debugger')) === 'polo\n')
      await addEphemeral(scope, 'second', forEver)
      await untilPod(scope, (pod) => statusOf(pod, 'second')?.state?.running !== undefined)
      const pod = await client.get(pods, { namespace, name: 'pod' })
      assert.deepEqual(pod.spec?.ephemeralContainers?.map(({ name }) => name).sort(), ['debugger', 'second'])
    },
  },
  {
    title: 'its log over a WebSocket',
    run: async (scope) => {
      await create(scope, { containers: [main('echo container is alive; sleep 60')] })
      await untilPod(scope, isRunning)
      await until('it speaks', async () => (await logOf(scope, 'pod')) !== '')
      assert.equal(await logOverWebSocket(scope), 'container is alive\n')
    },
  },
]

/** Paths of volumes that are made of variables. */
const expansions: readonly Scenario[] = [
  ...(
    [
      ['leads out of it', '..', /must not contain '\.\.'/],
      ['is absolute', '/tmp', /must not be an absolute path/],
    ] as const
  ).map(([what, value, message]) => ({
    title: `no start where the path in its volume ${what}`,
    run: async (scope: ScenarioScope) => {
      const volumeMounts = [{ name: 'data', mountPath: '/data', subPathExpr: '$(PART)' }]
      await create(scope, {
        containers: [main(forEver, { env: [{ name: 'PART', value }], volumeMounts })],
        volumes: [{ name: 'data', emptyDir: {} }],
      })
      const pod = await untilPod(scope, isMisconfigured)
      assert.match(statusOf(pod)?.state?.waiting?.message ?? '', message)
    },
  })),
  {
    title: 'a start once the variable that its volume’s path is made of is right',
    run: async (scope) => {
      const { client, namespace } = scope
      const fieldRef = { fieldPath: "metadata.annotations['mysubpath']" }
      await create(
        scope,
        {
          containers: [
            main(forEver, {
              env: [
                { name: 'PART', valueFrom: { fieldRef } },
                { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              ],
              volumeMounts: [
                { name: 'data', mountPath: '/part', subPathExpr: '$(PART)/$(POD_NAME)' },
                { name: 'data', mountPath: '/whole' },
              ],
            }),
          ],
          volumes: [{ name: 'data', emptyDir: {} }],
        },
        { annotations: { notmysubpath: 'mypath' } },
      )
      await untilPod(scope, isMisconfigured)
      const body = { metadata: { annotations: { mysubpath: 'mypath' } } }
      await client.patch(pods, { namespace, name: 'pod' }, { type: 'merge', body })
      await untilPod(scope, isReady)
    },
  },
]

async function logOverWebSocket({ connection, namespace }: ScenarioScope): Promise<string> {
  const url = `${connection.server.replace(/^http/, 'ws')}/api/v1/namespaces/${namespace}/pods/pod/log?container=main`
  const socket = new WebSocket(url, ['binary.k8s.io'], {
    ca: connection.caData,
    cert: connection.certData,
    key: connection.keyData,
  })
  const chunks: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    socket.on('message', (data: Buffer) => chunks.push(data))
    socket.on('close', () => resolve())
    socket.on('error', reject)
  })
  return Buffer.concat(chunks).toString()
}

export const lifecycleScenarios: readonly Scenario[] = [...probes, ...hooks, ...containers, ...expansions]

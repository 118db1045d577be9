import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ConfigMap, Pod, Service } from '../../src/api/generated/core.v1.ts'
import { startCluster, type TestCluster } from '../../src/cluster/testing.ts'
import { aDeployment, aReplicationController } from '../conformance/harness/objects.ts'
import { createKubectl, kubectlPrograms, type Kubectl } from './harness/kubectl.ts'
import { until } from './harness/until.ts'

/** Commands that need no programs in their pods, with every kubectl of this machine. */
for (const [release, program] of Object.entries(kubectlPrograms())) {
  describe(`the ${release} kubectl`, { concurrency: 4 }, () => {
    let cluster: TestCluster
    let folder: string
    let kubectl: Kubectl
    before(async () => {
      cluster = await startCluster({ nodes: 1 })
      folder = mkdtempSync(join(tmpdir(), 'k8ts-kubectl-'))
      const file = join(folder, 'kubeconfig')
      writeFileSync(file, cluster.kubeconfig)
      kubectl = createKubectl(release as 'old' | 'new', program, file)
    })
    after(async () => {
      rmSync(folder, { recursive: true })
      await cluster.stop()
    })

    async function newNamespace(): Promise<string> {
      const name = `cli-${randomBytes(4).toString('hex')}`
      await kubectl(['create', 'namespace', name])
      await until('its account', () => kubectl(['get', 'serviceaccount', 'default', '-n', name]))
      return name
    }
    const create = (object: object) => kubectl(['create', '-f', '-'], { stdin: JSON.stringify(object) })
    const createController = async (namespace: string, replicas: number) => {
      const controller = aReplicationController(namespace, 'main', replicas)
      await create({ apiVersion: 'v1', kind: 'ReplicationController', ...controller })
      await untilPods(namespace, replicas)
    }
    const podNames = async (namespace: string) =>
      (await kubectl(['get', 'pods', '-n', namespace, '-l', 'name=main', '-o', 'name']))
        .split('\n')
        .filter(Boolean)
    const untilPods = (namespace: string, count: number) =>
      until(`${count} pods`, async () => {
        const template = '{{range .items}}{{if eq .status.phase "Running"}}{{.metadata.name}} {{end}}{{end}}'
        const running = await kubectl([
          'get',
          'pods',
          '-n',
          namespace,
          '-l',
          'name=main',
          '-o',
          'template',
          '--template',
          template,
        ])
        return running.split(' ').filter(Boolean).length === count
      })

    // Older ones leave the fields with the manager of client-side apply.
    it('moves from client-side to server-side apply', { skip: release === 'old' }, async () => {
      const namespace = await newNamespace()
      const configMap = (data: object) =>
        JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'moved', namespace }, data })
      const apply = (data: object, ...args: readonly string[]) =>
        kubectl(['apply', '-f', '-', ...args], { stdin: configMap(data) })
      const managers = async () => {
        const args = ['get', 'configmap', 'moved', '-n', namespace, '--show-managed-fields']
        const { data, metadata } = await kubectl.json<ConfigMap>(args)
        const entries = metadata?.managedFields?.map((entry) => `${entry.manager} ${entry.operation}`)
        return { data, managers: entries?.toSorted() }
      }
      await apply({ a: '1', b: '1' })
      assert.deepEqual((await managers()).managers, ['kubectl-client-side-apply Update'])
      // What is applied no longer goes, although another kind of apply has set it.
      await apply({ a: '2' }, '--server-side')
      assert.deepEqual(await managers(), {
        data: { a: '2' },
        managers: ['kubectl Apply', 'kubectl-last-applied Apply'],
      })
      const other = await kubectl.result(['apply', '-f', '-', '--server-side', '--field-manager', 'other'], {
        stdin: configMap({ a: '3' }),
      })
      assert.equal(other.exitCode, 1)
      assert.match(other.stderr, /^error: Apply failed with 1 conflict: conflict with "kubectl": \.data\.a\n/)
      await apply({ a: '3' }, '--server-side', '--field-manager', 'other', '--force-conflicts')
      assert.deepEqual(await managers(), {
        data: { a: '3' },
        managers: ['kubectl-last-applied Apply', 'other Apply'],
      })
    })

    it('tells both versions', async () => {
      const output = await kubectl(['version', '-o', 'json'])
      const { clientVersion, serverVersion } = JSON.parse(output) as Record<string, Record<string, string>>
      for (const version of [clientVersion, serverVersion]) {
        for (const key of ['major', 'minor', 'gitVersion', 'gitTreeState', 'buildDate', 'platform']) {
          assert.ok(version && key in version, key)
        }
      }
    })

    it('describes controllers, pods, services, nodes and namespaces', async () => {
      const namespace = await newNamespace()
      await createController(namespace, 1)
      await kubectl(['expose', 'rc/main', '-n', namespace, '--port=80'])
      const [pod] = await podNames(namespace)
      const expected: readonly (readonly [string[], RegExp[]])[] = [
        [
          [pod!],
          [
            /^Name: +main-/m,
            /^Node: +node1/m,
            /^Labels: +name=main/m,
            /^Status: +Running/m,
            /^IP: /m,
            /^Controlled By: +ReplicationController\/main/m,
            /^ +Image: +server:1/m,
          ],
        ],
        [
          ['rc', 'main'],
          [
            /^Selector: +name=main/m,
            /^Replicas: +1 current \/ 1 desired/m,
            /^Pods Status: +1 Running \/ 0 Waiting/m,
            /SuccessfulCreate/,
          ],
        ],
        [
          ['service', 'main'],
          [/^Type: +ClusterIP/m, /^Port: .*80\/TCP/m, /^Endpoints: +\S+:80/m],
        ],
        [
          ['node', 'node1'],
          [/^Conditions:/m, /^Capacity:/m, /^Allocatable:/m, /kubelet/],
        ],
        [['namespace', namespace], [/^Status: +Active/m]],
      ]
      await until(
        'it has endpoints',
        async () => !/<none>/.test(await kubectl(['get', 'endpoints', 'main', '-n', namespace])),
      )
      for (const [args, patterns] of expected) {
        const output = await kubectl(['describe', '-n', namespace, ...args])
        for (const pattern of patterns) assert.match(output, pattern)
      }
    })

    it('finds what differs', async () => {
      const namespace = await newNamespace()
      const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', ...aDeployment(namespace, 'web', 1) }
      await create(deployment)
      const changed = JSON.stringify(deployment).replace('server:1', 'busybox:2')
      const { exitCode, stdout } = await kubectl.result(['diff', '-f', '-'], { stdin: changed })
      assert.equal(exitCode, 1)
      assert.match(stdout, /^-.*image: server:1$/m)
      assert.match(stdout, /^\+.*image: busybox:2$/m)
      const live = await kubectl(['get', 'deployment', 'web', '-n', namespace, '-o', 'jsonpath={..image}'])
      assert.equal(live, 'server:1')
    })

    it('exposes controllers, and services again', async () => {
      const namespace = await newNamespace()
      await createController(namespace, 1)
      await kubectl([
        'expose',
        'rc',
        'main',
        '--name=rm2',
        '--port=1234',
        '--target-port=6379',
        '-n',
        namespace,
      ])
      await kubectl([
        'expose',
        'service',
        'rm2',
        '--name=rm3',
        '--port=2345',
        '--target-port=6379',
        '-n',
        namespace,
      ])
      for (const [name, port] of [
        ['rm2', 1234],
        ['rm3', 2345],
      ] as const) {
        const { spec } = await kubectl.json<Service>(['get', 'service', name, '-n', namespace])
        assert.deepEqual([spec?.ports?.[0]?.port, spec?.ports?.[0]?.targetPort], [port, 6379])
        await until('it has endpoints', async () => {
          return /:6379/.test(await kubectl(['get', 'endpoints', name, '-n', namespace]))
        })
      }
    })

    it('labels pods, and takes labels away', async () => {
      const namespace = await newNamespace()
      await kubectl(['run', 'pause', '--image=pause:1', '--restart=Never', '-n', namespace])
      const show = () =>
        kubectl(['get', 'pod', 'pause', '-L', 'testing-label', '--no-headers', '-n', namespace])
      await kubectl(['label', 'pods', 'pause', 'testing-label=testing-label-value', '-n', namespace])
      assert.match(await show(), /testing-label-value/)
      await kubectl(['label', 'pods', 'pause', 'testing-label-', '-n', namespace])
      assert.doesNotMatch(await show(), /testing-label-value/)
    })

    it('annotates the pods of a controller by a patch', async () => {
      const namespace = await newNamespace()
      await createController(namespace, 2)
      for (const pod of await podNames(namespace)) {
        await kubectl(['patch', pod, '-n', namespace, '-p', '{"metadata":{"annotations":{"x":"y"}}}'])
        const { metadata } = await kubectl.json<Pod>(['get', pod, '-n', namespace])
        assert.equal(metadata?.annotations?.['x'], 'y')
      }
    })

    it('runs a pod, and replaces its image', async () => {
      const namespace = await newNamespace()
      await kubectl([
        'run',
        'web',
        '--image=server:1',
        '--restart=Never',
        '-n',
        namespace,
        '--labels=run=web',
      ])
      const pod = await kubectl.json<Pod>(['get', 'pod', 'web', '-n', namespace])
      assert.equal(pod.spec?.restartPolicy, 'Never')
      assert.equal(pod.spec.containers[0]?.image, 'server:1')
      await until('it runs', async () => {
        return (await kubectl.json<Pod>(['get', 'pod', 'web', '-n', namespace])).status?.phase === 'Running'
      })
      const running = await kubectl(['get', 'pod', 'web', '-o', 'json', '-n', namespace])
      const replaced = running.replace('"image": "server:1"', '"image": "server:2"')
      assert.notEqual(replaced, running)
      await kubectl(['replace', '-f', '-', '-n', namespace], {
        stdin: JSON.stringify(withoutVersion(replaced)),
      })
      const after = await kubectl.json<Pod>(['get', 'pod', 'web', '-n', namespace])
      assert.equal(after.spec?.containers[0]?.image, 'server:2')
    })

    it('asks the server what a patch would do, without doing it', async () => {
      const namespace = await newNamespace()
      await kubectl(['run', 'web', '--image=server:1', '-n', namespace])
      const patch = '{"spec":{"containers":[{"name":"web","image":"busybox:1"}]}}'
      const output = await kubectl([
        'patch',
        'pod',
        'web',
        '-p',
        patch,
        '--dry-run=server',
        '-o',
        'yaml',
        '-n',
        namespace,
      ])
      assert.match(output, /image: busybox:1/)
      const { spec } = await kubectl.json<Pod>(['get', 'pod', 'web', '-n', namespace])
      assert.equal(spec?.containers[0]?.image, 'server:1')
    })

    it('creates, scales and deletes a controller', async () => {
      const namespace = await newNamespace()
      await createController(namespace, 2)
      for (const replicas of [1, 2]) {
        await kubectl(['scale', 'rc', 'main', `--replicas=${replicas}`, '--timeout=1m', '-n', namespace])
        await untilPods(namespace, replicas)
      }
      await kubectl(['delete', 'rc', 'main', '-n', namespace, '--grace-period=0', '--force'])
      await untilPods(namespace, 0)
    })

    it('is a proxy on a port of its choice', async () => {
      const proxy = kubectl.start(['proxy', '--port=0'])
      try {
        const port = await until('it serves', () => /127\.0\.0\.1:(\d+)/.exec(proxy.stdout())?.[1])
        const api = (await (await fetch(`http://127.0.0.1:${port}/api/`)).json()) as { versions: string[] }
        assert.deepEqual(api.versions, ['v1'])
      } finally {
        proxy.child.kill('SIGINT')
        await proxy.ended
      }
    })

    it('is a proxy on a socket', async () => {
      const socketPath = join(folder, 'proxy.sock')
      const proxy = kubectl.start(['proxy', `--unix-socket=${socketPath}`])
      try {
        await until('it serves', () => existsSync(socketPath))
        const text = await new Promise<string>((resolve, reject) => {
          const ask = request({ socketPath, path: '/api/' }, (answer) => {
            let body = ''
            answer.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
            answer.on('end', () => resolve(body))
          })
          ask.on('error', reject).end()
        })
        assert.deepEqual((JSON.parse(text) as { versions: string[] }).versions, ['v1'])
      } finally {
        proxy.child.kill('SIGINT')
        await proxy.ended
      }
    })

    it('builds with kustomize what it applies', async () => {
      const namespace = await newNamespace()
      const base = join(folder, 'base')
      mkdirSync(base)
      writeFileSync(
        join(base, 'deployment.yaml'),
        JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', ...aDeployment('', 'web', 1) }),
      )
      const lines = [
        `namespace: ${namespace}`,
        'namePrefix: my-',
        'resources: [deployment.yaml]',
        'images: [{ name: server, newTag: "7" }]',
        'configMapGenerator: [{ name: settings, literals: [a=b] }]',
      ]
      writeFileSync(join(base, 'kustomization.yaml'), lines.join('\n'))
      assert.match(await kubectl(['kustomize', base]), /image: server:7/)
      await kubectl(['apply', '-k', base])
      const image = await kubectl([
        'get',
        'deployment',
        'my-web',
        '-n',
        namespace,
        '-o',
        'jsonpath={..image}',
      ])
      assert.equal(image, 'server:7')
      assert.match(
        await kubectl(['get', 'configmaps', '-n', namespace, '-o', 'name']),
        /configmap\/my-settings-\w+/,
      )
    })
  })
}

/** As somebody sends it who did not read it before. */
function withoutVersion(text: string): Pod {
  const { metadata, ...pod } = JSON.parse(text) as Pod
  const { resourceVersion: _, ...rest } = metadata ?? {}
  return { metadata: rest, ...pod }
}

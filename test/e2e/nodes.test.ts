import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import type { Node, Pod } from '../../src/api/generated/core.v1.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { withoutContainers } from './harness/machine.ts'
import { aPod, aService, aWebDeployment, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

/** Three replicas on three nodes, evicted quickly from one that is lost. */
function spread(): Deployment {
  const deployment = aWebDeployment('spread', 3)
  const { spec } = deployment
  return {
    ...deployment,
    spec: {
      ...spec!,
      template: {
        ...spec!.template,
        spec: {
          ...spec!.template.spec!,
          tolerations: ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map((key) => ({
            key,
            operator: 'Exists',
            effect: 'NoExecute',
            tolerationSeconds: 2,
          })),
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: { app: 'spread' } },
            },
          ],
        },
      },
    },
  }
}

describe('a cluster of three nodes', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('nodes')
    await cluster.up('--nodes', '3')
    await cluster.loadTestImage()
    await cluster.kubectl.apply(spread(), aService('spread'))
    await cluster.kubectl(['rollout', 'status', 'deployment/spread', '--timeout=60s'])
  })
  after(() => cluster.delete())

  const readiness = async (name: string) => {
    const node = await cluster.kubectl.json<Node>(['get', 'node', name])
    return node.status?.conditions?.find(({ type }) => type === 'Ready')?.status
  }
  const pods = async () =>
    (await cluster.kubectl.json<ObjectList<Pod>>(['get', 'pods', '-l', 'app=spread'])).items
  const readyPods = async () =>
    (await pods()).filter(
      ({ metadata, status }) =>
        !metadata?.deletionTimestamp &&
        status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
    )

  it('spreads pods, which reach one another', async () => {
    const all = await pods()
    assert.deepEqual(all.map(({ spec }) => spec?.nodeName ?? '').sort(), ['node1', 'node2', 'node3'])
    for (const from of all) {
      for (const to of all) {
        // Not wget, which crashes in the static busybox of Debian 12.
        const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${to.status?.podIP} 8080 | tail -n 1`
        const answer = await cluster.kubectl(['exec', from.metadata?.name ?? '', '--', 'sh', '-c', ask])
        assert.equal(answer.trim(), to.metadata?.name)
      }
    }
  })

  it('moves the pods of a node that is lost, and uses the node again when it is back', async () => {
    const { exitCode, stderr } = await cluster.k8ts('node', 'stop', 'node2')
    assert.equal(exitCode, 0, stderr)
    await until('node2 is not ready', async () => (await readiness('node2')) === 'Unknown', 90_000)
    await until(
      'three pods are ready elsewhere',
      async () => {
        const ready = await readyPods()
        return ready.length === 3 && ready.every(({ spec }) => spec?.nodeName !== 'node2')
      },
      90_000,
    )
    const started = await cluster.k8ts('node', 'start', 'node2')
    assert.equal(started.exitCode, 0, started.stderr)
    await until('node2 is ready', async () => (await readiness('node2')) === 'True', 60_000)
    await cluster.kubectl(['scale', 'deployment/spread', '--replicas=6'])
    await until(
      'node2 has a pod again',
      async () => (await readyPods()).some(({ spec }) => spec?.nodeName === 'node2'),
      60_000,
    )
  })

  it('is drained and used again', async () => {
    await cluster.kubectl([
      'drain',
      'node3',
      '--ignore-daemonsets',
      '--force',
      '--delete-emptydir-data',
      '--timeout=60s',
    ])
    assert.match(
      await cluster.kubectl(['get', 'node', 'node3', '--no-headers']),
      / Ready,SchedulingDisabled /,
    )
    assert.ok((await pods()).every(({ spec }) => spec?.nodeName !== 'node3'))
    await cluster.kubectl(['uncordon', 'node3'])
    assert.match(await cluster.kubectl(['get', 'node', 'node3', '--no-headers']), / Ready /)
  })

  it('uses a network for pods that somebody installs, on the nodes where it is, instead of its own', async () => {
    const configuration = {
      cniVersion: '0.4.0',
      name: 'other',
      plugins: [
        {
          type: 'installed-bridge',
          bridge: 'other0',
          isGateway: true,
          ipam: {
            type: 'host-local',
            subnet: '10.199.0.0/24',
            dataDir: join(cluster.folder, 'other-addresses'),
          },
        },
      ],
    }
    // As the installers of networks do: a plugin and a configuration, by the places where everybody has them.
    const script = `cp -L /own/bridge /opt/cni/bin/installed-bridge
echo '${JSON.stringify(configuration)}' > /etc/cni/net.d/other.part && mv /etc/cni/net.d/other.part /etc/cni/net.d/50-other.conflist
${sleepScript}`
    const mounts = { conf: '/etc/cni/net.d', bin: '/opt/cni/bin', own: '/usr/lib/cni' }
    const installer = aPod(
      'installer',
      shell(script, {
        volumeMounts: Object.entries(mounts).map(([name, path]) => ({
          name,
          mountPath: name === 'own' ? '/own' : path,
        })),
      }),
      {
        nodeName: 'node1',
        hostNetwork: true,
        volumes: Object.entries(mounts).map(([name, path]) => ({ name, hostPath: { path } })),
      },
    )
    const addressOn = async (nodeName: string) => {
      const name = `guest-${nodeName}-${randomBytes(2).toString('hex')}`
      await cluster.kubectl.apply(aPod(name, shell(sleepScript), { nodeName }))
      await cluster.kubectl(['wait', 'pod', name, '--for=condition=Ready', '--timeout=60s'])
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', name])
      await cluster.kubectl(['delete', 'pod', name])
      return status?.podIP ?? ''
    }
    await cluster.kubectl.apply(installer)
    await until('a pod on its node has an address of that network', async () =>
      (await addressOn('node1')).startsWith('10.199.0.'),
    )
    assert.ok(!(await addressOn('node3')).startsWith('10.199.0.'))
    await cluster.kubectl(['exec', 'installer', '--', 'rm', '/etc/cni/net.d/50-other.conflist'])
    await cluster.kubectl(['delete', 'pod', 'installer'])
    await until(
      'a pod there has an address of its own network again',
      async () => !(await addressOn('node1')).startsWith('10.199.0.'),
    )
  })

  it('takes another node, and lets it go', async () => {
    const added = await cluster.k8ts('node', 'add', 'extra')
    assert.equal(added.exitCode, 0, added.stderr)
    await until('it is ready', async () => (await readiness('extra')) === 'True', 60_000)
    const deleted = await cluster.k8ts('node', 'delete', 'extra')
    assert.equal(deleted.exitCode, 0, deleted.stderr)
    assert.match((await cluster.kubectl.result(['get', 'node', 'extra'])).stderr, /nodes "extra" not found/)
    assert.equal((await cluster.k8ts('node', 'delete', 'extra')).exitCode, 3)
  })
})

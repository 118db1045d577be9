import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { PersistentVolumeClaim, Pod, PodSpec } from '../../src/api/generated/core.v1.ts'
import { withoutContainers } from './harness/machine.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

function aClaim(name: string, spec: PersistentVolumeClaim['spec'] = {}): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
  }
}

const mounted = [{ name: 'data', mountPath: '/data' }]
const using = (claimName: string): Partial<PodSpec> => ({
  volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }],
  restartPolicy: 'Never',
})

describe('persistent volumes', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('volumes')
    await cluster.up()
    await cluster.loadTestImage()
  })
  after(() => cluster.delete())

  const directories = () => {
    const root = join(cluster.folder, 'nodes/node1/volumes')
    return existsSync(root) ? readdirSync(root) : []
  }
  /** Runs a pod to its end, and gives what it printed. */
  async function run(name: string, script: string, spec: Partial<PodSpec>): Promise<string> {
    await cluster.kubectl.apply(aPod(name, shell(script, { volumeMounts: mounted }), spec))
    const phase = await until(`${name} has ended`, async () => {
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', name])
      return (status?.phase === 'Succeeded' || status?.phase === 'Failed') && status.phase
    })
    const log = await cluster.kubectl(['logs', name])
    assert.equal(phase, 'Succeeded', log)
    return log
  }

  it('has a default class', async () => {
    assert.match(
      await cluster.kubectl(['get', 'storageclass', '--no-headers']),
      /^standard \(default\) +k8ts\.io\/local-path +Delete +WaitForFirstConsumer +true /m,
    )
  })

  it('keeps data from pod to pod and across a restart of the cluster', async () => {
    await cluster.kubectl.apply(aClaim('kept'))
    await run('writer', 'echo kept > /data/file', using('kept'))
    assert.equal(await run('reader', 'cat /data/file', using('kept')), 'kept\n')
    await cluster.down()
    await cluster.up()
    assert.equal(await run('later', 'cat /data/file', using('kept')), 'kept\n')
  })

  it('grows', async () => {
    const body = { spec: { resources: { requests: { storage: '2Gi' } } } }
    await cluster.kubectl(['patch', 'pvc', 'kept', '-p', JSON.stringify(body)])
    await until('it has grown', async () => {
      const { status } = await cluster.kubectl.json<PersistentVolumeClaim>(['get', 'pvc', 'kept'])
      return status?.capacity?.['storage'] === '2Gi'
    })
  })

  it('deletes what was in a volume with its claim', async () => {
    assert.equal(directories().length, 1)
    await cluster.kubectl(['delete', 'pod', 'writer', 'reader', 'later', '--now'])
    await cluster.kubectl(['delete', 'pvc', 'kept'])
    await until('the directory is gone', () => directories().length === 0)
    await until('the volume is gone', async () => (await cluster.kubectl(['get', 'pv', '-o', 'name'])) === '')
  })

  it('retains what a class says is retained', async () => {
    await cluster.kubectl.apply({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'retained' },
      provisioner: 'k8ts.io/local-path',
      reclaimPolicy: 'Retain',
      volumeBindingMode: 'WaitForFirstConsumer',
    })
    await cluster.kubectl.apply(aClaim('retained', { storageClassName: 'retained' }))
    await run('retained', 'echo x > /data/file', using('retained'))
    await cluster.kubectl(['delete', 'pod', 'retained', '--now'])
    await cluster.kubectl(['delete', 'pvc', 'retained'])
    await until('the volume is released', async () =>
      / Released +default\/retained /.test(await cluster.kubectl(['get', 'pv', '--no-headers'])),
    )
    assert.equal(directories().length, 1)
  })

  it('lets other users than root write, and gives files to the group of the pod', async () => {
    await cluster.kubectl.apply(aClaim('shared'))
    const spec = { ...using('shared'), securityContext: { runAsUser: 1000, fsGroup: 2000 } }
    assert.equal(await run('user', 'echo x > /data/file; stat -c %u:%g /data/file', spec), '1000:2000\n')
  })

  it('makes the volume that a pod asks for, for as long as it lives', async () => {
    const spec: Partial<PodSpec> = {
      volumes: [{ name: 'data', ephemeral: { volumeClaimTemplate: { spec: aClaim('').spec! } } }],
      restartPolicy: 'Never',
    }
    await run('brief', 'echo x > /data/file', spec)
    assert.match(await cluster.kubectl(['get', 'pvc', 'brief-data', '--no-headers']), / Bound /)
    await cluster.kubectl(['delete', 'pod', 'brief', '--now'])
    await until('its claim is gone', async () => {
      return !(await cluster.kubectl(['get', 'pvc', '-o', 'name'])).includes('brief-data')
    })
  })

  it('does not let a subPath lead out of a volume', async () => {
    await cluster.kubectl.apply(aClaim('escape'))
    await run('linker', 'ln -s /etc /data/out; mkdir /data/in; echo inside > /data/in/file', using('escape'))
    const pod = (name: string, subPath: string) =>
      aPod(
        name,
        shell(sleepScript, { volumeMounts: [{ name: 'data', mountPath: '/data', subPath }] }),
        using('escape'),
      )
    await cluster.kubectl.apply(pod('inside', 'in'))
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/inside', '--timeout=60s'])
    await cluster.kubectl.apply(pod('outside', 'out'))
    await until('it is refused', async () => {
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'outside'])
      const waiting = status?.containerStatuses?.[0]?.state?.waiting
      return (
        waiting?.reason === 'CreateContainerConfigError' &&
        waiting.message?.startsWith('failed to prepare subPath for volumeMount') === true
      )
    })
  })
})

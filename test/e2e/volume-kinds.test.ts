import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Container, PersistentVolume, Pod, PodSpec, Volume } from '../../src/api/generated/core.v1.ts'
import { withoutContainers } from './harness/machine.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { runProgram } from './harness/program.ts'
import { aCluster, testImage, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

const mebibyte = 1024 * 1024

async function succeed(program: string, ...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(program, args)
  assert.equal(exitCode, 0, `${program} ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

describe('volumes on the real kernel', { skip: withoutContainers, concurrency: 3 }, () => {
  let cluster: TestCluster
  const undo: (() => Promise<unknown>)[] = []
  before(async () => {
    cluster = aCluster('kinds')
    await cluster.up()
    await cluster.loadTestImage()
  })
  after(async () => {
    await cluster.delete()
    for (const step of undo.toReversed()) await step()
  })

  /** A pod with one volume at /data, that sleeps unless `container` says otherwise. */
  const withVolume = (name: string, volume: Omit<Volume, 'name'>, spec: Partial<PodSpec> = {}): Pod =>
    aPod(name, shell(sleepScript, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }), {
      volumes: [{ name: 'data', ...volume }],
      terminationGracePeriodSeconds: 1,
      ...spec,
    })
  const ready = (pod: string) =>
    cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s'])
  const run = async (pod: Pod) => {
    await cluster.kubectl.apply(pod)
    await ready(pod.metadata?.name ?? '')
  }
  const inside = (pod: string, script: string, container = 'main') =>
    cluster.kubectl.result(['exec', pod, '-c', container, '--', 'sh', '-c', script])
  const output = async (pod: string, script: string, container = 'main') => {
    const { exitCode, stdout, stderr } = await inside(pod, script, container)
    assert.equal(exitCode, 0, stderr)
    return stdout.trim()
  }
  const tells = (pod: string, expected: RegExp) =>
    until(`the events of ${pod} say ${expected}`, async () =>
      expected.test(
        await cluster.kubectl(['get', 'events', '--field-selector', `involvedObject.name=${pod}`]),
      ),
    )

  it('an emptyDir in memory holds what its limit says', async () => {
    await run(withVolume('memory', { emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } }))
    assert.equal(await output('memory', "df -k /data | awk 'NR==2 { print $2 }'"), '2048')
    assert.equal(await output('memory', "stat -c '%a' /data"), '1777')
    assert.notEqual((await inside('memory', 'dd if=/dev/zero of=/data/file bs=1M count=3')).exitCode, 0)
  })

  it('an emptyDir in memory without a limit holds what the pod may have', async () => {
    const pod = withVolume('pod-memory', { emptyDir: { medium: 'Memory' } })
    const limited = { ...pod.spec!.containers[0]!, resources: { limits: { memory: '32Mi' } } }
    await run({ ...pod, spec: { ...pod.spec!, containers: [limited] } })
    assert.equal(await output('pod-memory', "df -k /data | awk 'NR==2 { print $2 }'"), String(32 * 1024))
  })

  it('an emptyDir of huge pages needs a request for them', async () => {
    await cluster.kubectl.apply(withVolume('huge', { emptyDir: { medium: 'HugePages' } }))
    await tells('huge', /medium HugePages: hugePages storage requested, but there is no resource request/)
  })

  it('an emptyDir that outgrows its limit ends its pod', async () => {
    await run(withVolume('outgrown', { emptyDir: { sizeLimit: '1Mi' } }))
    await output('outgrown', 'dd if=/dev/zero of=/data/file bs=1M count=4 2>/dev/null; echo')
    const status = await until(
      'it is evicted',
      async () => {
        const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'outgrown'])
        return status?.phase === 'Failed' && status
      },
      60_000,
    )
    assert.equal(status.reason, 'Evicted')
    assert.match(status.message ?? '', /^Usage of EmptyDir volume "data" exceeds the limit "1Mi"/)
  })

  it('mounts that a container makes are seen by others where they propagate', async () => {
    const main = shell(`mount -t tmpfs none /data/inner && echo seen > /data/inner/file; ${sleepScript}`, {
      securityContext: { privileged: true },
      volumeMounts: [{ name: 'data', mountPath: '/data', mountPropagation: 'Bidirectional' }],
    })
    const other = (name: string, mountPropagation?: string): Container => ({
      ...shell(sleepScript),
      name,
      image: testImage,
      volumeMounts: [
        {
          name: 'data',
          mountPath: '/data',
          ...(mountPropagation && { mountPropagation: mountPropagation as 'HostToContainer' }),
        },
      ],
    })
    const pod = aPod('propagating', main, {
      volumes: [{ name: 'data', emptyDir: {} }],
      initContainers: [
        shell('mkdir /data/inner', { name: 'first', volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
      ],
      terminationGracePeriodSeconds: 1,
    })
    const containers = [other('follows', 'HostToContainer'), other('private'), main]
    await run({ ...pod, spec: { ...pod.spec!, containers } })
    await until(
      'it is mounted',
      async () => (await inside('propagating', 'cat /data/inner/file')).exitCode === 0,
    )
    assert.equal(await output('propagating', 'cat /data/inner/file', 'follows'), 'seen')
    assert.notEqual((await inside('propagating', 'cat /data/inner/file', 'private')).exitCode, 0)
    await cluster.kubectl(['delete', 'pod', 'propagating'])
    await until(
      'nothing of it stays mounted',
      () => !readFileSync('/proc/self/mountinfo', 'utf8').includes('/data/inner'),
    )
  })

  it('a local volume of mode Block is the device itself', async () => {
    const file = join(cluster.folder, 'disk')
    writeFileSync(file, Buffer.alloc(8 * mebibyte))
    const device = await succeed('losetup', '--find', '--show', file)
    undo.push(() => succeed('losetup', '--detach', device))
    await cluster.kubectl.apply(aLocalVolume('device', device, 'Block'), aClaimOf('device', 'Block'))
    const container = shell(sleepScript, { volumeDevices: [{ name: 'data', devicePath: '/dev/disk' }] })
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'device' } }]
    await run(aPod('device', container, { volumes, terminationGracePeriodSeconds: 1 }))
    await output(
      'device',
      'test -b /dev/disk && echo raw | dd of=/dev/disk bs=512 conv=sync 2>/dev/null; sync',
    )
    assert.equal(readFileSync(file).subarray(0, 4).toString(), 'raw\n')
  })

  it('a local volume of a device gets a file system, and keeps what is in it', async () => {
    const file = join(cluster.folder, 'formatted')
    writeFileSync(file, Buffer.alloc(16 * mebibyte))
    const device = await succeed('losetup', '--find', '--show', file)
    undo.push(() => succeed('losetup', '--detach', device))
    await cluster.kubectl.apply(
      aLocalVolume('formatted', device, 'Filesystem'),
      aClaimOf('formatted', 'Filesystem'),
    )
    const volume = { persistentVolumeClaim: { claimName: 'formatted' } }
    const spec = { securityContext: { fsGroup: 2000 } }
    await run(withVolume('formatted', volume, spec))
    assert.match(await output('formatted', 'grep " /data " /proc/mounts'), / ext4 /)
    await output('formatted', 'echo kept > /data/file')
    await cluster.kubectl(['delete', 'pod', 'formatted'])
    await until('it is unmounted', () => !readFileSync('/proc/self/mountinfo', 'utf8').includes(device))
    await run(withVolume('formatted-again', volume, spec))
    assert.equal(await output('formatted-again', 'cat /data/file'), 'kept')
    assert.equal(await output('formatted-again', 'stat -c %g /data/file'), '2000')
    await cluster.kubectl(['delete', 'pod', 'formatted-again'])
  })

  it('a hostPath that is not what its type says is told of', async () => {
    const path = join(cluster.folder, 'plain')
    writeFileSync(path, '')
    await cluster.kubectl.apply(withVolume('not-a-directory', { hostPath: { path, type: 'Directory' } }))
    await tells(
      'not-a-directory',
      /FailedMount +pod\/not-a-directory +MountVolume\.SetUp failed for volume "data" : hostPath type check failed: \S+ is not a directory/,
    )
  })

  it('in-tree volumes that need a driver are refused by name', async () => {
    const iscsi = { targetPortal: '10.0.0.1', iqn: 'iqn.2001-04.com.example:storage', lun: 0 }
    await cluster.kubectl.apply(withVolume('iscsi', { iscsi }))
    await tells('iscsi', /no volume plugin matched/)
  })

  it('a group gets what the root of a volume says it has not, and only then', async () => {
    const path = join(cluster.folder, 'group')
    mkdirSync(path)
    writeFileSync(join(path, 'file'), '')
    await cluster.kubectl.apply(aLocalVolume('group', path, 'Filesystem'), aClaimOf('group', 'Filesystem'))
    const volume = { persistentVolumeClaim: { claimName: 'group' } }
    const securityContext = { fsGroup: 2000, fsGroupChangePolicy: 'OnRootMismatch' as const }
    await run(withVolume('group', volume, { securityContext }))
    assert.equal(await output('group', 'stat -c %g /data/file'), '2000')
    await output('group', 'chgrp 3000 /data/file')
    await run(withVolume('group-again', volume, { securityContext }))
    assert.equal(await output('group-again', 'stat -c %g /data/file'), '3000')
  })

  it('a file mounted by subPath stays as it was', async () => {
    const configMap = (text: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'by-sub-path' },
      data: { file: text },
    })
    await cluster.kubectl.apply(configMap('old'))
    const volumeMounts = [
      { name: 'data', mountPath: '/whole' },
      { name: 'data', mountPath: '/part', subPath: 'file' },
    ]
    const volumes = [{ name: 'data', configMap: { name: 'by-sub-path' } }]
    await run(
      aPod('by-sub-path', shell(sleepScript, { volumeMounts }), {
        volumes,
        terminationGracePeriodSeconds: 1,
      }),
    )
    await cluster.kubectl.apply(configMap('new'))
    await until(
      'the whole volume follows',
      async () => (await output('by-sub-path', 'cat /whole/file')) === 'new',
      10_000,
    )
    assert.equal(await output('by-sub-path', 'cat /part'), 'old')
  })
})

function aLocalVolume(name: string, path: string, volumeMode: 'Block' | 'Filesystem'): PersistentVolume {
  const onNode = [{ key: 'kubernetes.io/hostname', operator: 'In' as const, values: ['node1'] }]
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '8Mi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: name,
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode,
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: onNode }] } },
    },
  }
}

function aClaimOf(name: string, volumeMode: 'Block' | 'Filesystem') {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: name,
      volumeMode,
      resources: { requests: { storage: '8Mi' } },
    },
  }
}

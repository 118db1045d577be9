import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Node } from '../api/generated/core.v1.ts'
import { nodes, pods } from '../api/generated/resources.ts'
import { whyNoContainers } from './testing/containerd.ts'
import {
  app,
  eventually,
  hasEnded,
  isReady,
  isRunning,
  prepareContainerWorld,
  waitingReason,
  type ContainerWorld,
} from './testing/container-world.ts'
import { aContainer, aShell } from './testing/pod-builder.ts'

describe(
  'the life of pods on real containers',
  { skip: whyNoContainers() ?? false, concurrency: true },
  () => {
    let world: ContainerWorld
    before(async () => {
      world = await prepareContainerWorld('10.213.6.0/24', { podPidsLimit: 5000 })
      await world.kubelet.start()
    })
    after(() => world?.stop())

    it('runs a pod, tells its status, and ends it', async () => {
      await world.create('plain', {})
      const pod = await world.kubelet.waitFor('plain', isReady)
      assert.match(pod.status?.podIP ?? '', /^10\.213\.6\.\d+$/)
      const status = pod.status?.containerStatuses?.[0]
      assert.match(status?.containerID ?? '', /^containerd:\/\/[0-9a-f]{64}$/)
      assert.equal(status?.image, 'k8ts.test/busybox:1')
      const reasons = (await world.kubelet.eventsOf('plain')).map(({ reason }) => reason)
      assert.deepEqual(reasons, ['Pulled', 'Created', 'Started'])
      const cgroup = `${world.containerd.cgroupRoot}/kubepods/besteffort/pod${pod.metadata?.uid}`
      assert.equal(await readCgroup(cgroup, 'cpu', 'cpu.shares', 'cpu.weight'), legacy ? '2' : '1')
      assert.equal(await readCgroup(cgroup, 'pids', 'pids.max', 'pids.max'), '5000')
      await world.remove('plain')
      await assert.rejects(readCgroup(cgroup, 'cpu', 'cpu.shares', 'cpu.weight'))
      assert.deepEqual(
        await readdir(join(world.containerd.directory, 'kubelet/pods')).then((all) =>
          all.filter((uid) => uid === pod.metadata?.uid),
        ),
        [],
      )
    })

    it('limits resources', async () => {
      await world.create('limited', {
        containers: [
          aContainer('app', {
            resources: { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '500m', memory: '32Mi' } },
          }),
        ],
      })
      const pod = await world.kubelet.waitFor('limited', isReady)
      assert.equal(pod.status?.qosClass, 'Burstable')
      const parent = `${world.containerd.cgroupRoot}/kubepods/burstable/pod${pod.metadata?.uid}`
      const id = app(pod)?.containerID?.replace('containerd://', '')
      for (const path of [parent, `${parent}/${id}`]) {
        assert.equal(
          await readCgroup(path, 'memory', 'memory.limit_in_bytes', 'memory.max'),
          String(32 << 20),
        )
        if (legacy) {
          assert.equal(await readCgroup(path, 'cpu', 'cpu.shares', ''), '102')
          assert.equal(await readCgroup(path, 'cpu', 'cpu.cfs_quota_us', ''), '50000')
        } else {
          assert.equal(await readCgroup(path, '', '', 'cpu.max'), '50000 100000')
        }
      }
      await world.remove('limited')
    })

    it('resizes a running container', async () => {
      const resources = (cpu: string, memory: string) => ({
        limits: { cpu, memory },
        requests: { cpu, memory },
      })
      await world.create('resized', {
        containers: [aContainer('app', { resources: resources('100m', '32Mi') })],
      })
      const before = await world.kubelet.waitFor('resized', isReady)
      await world.kubelet.client.patch(
        pods,
        { namespace: 'default', name: 'resized' },
        {
          type: 'merge',
          body: { spec: { containers: [aContainer('app', { resources: resources('200m', '64Mi') })] } },
        },
      )
      const after = await world.kubelet.waitFor(
        'resized',
        (pod) => app(pod)?.resources?.limits?.memory === '64Mi',
      )
      assert.equal(app(after)?.containerID, app(before)?.containerID)
      assert.equal(app(after)?.restartCount, 0)
      const parent = `${world.containerd.cgroupRoot}/kubepods/pod${after.metadata?.uid}`
      for (const path of [parent, `${parent}/${app(after)?.containerID?.replace('containerd://', '')}`]) {
        assert.equal(
          await readCgroup(path, 'memory', 'memory.limit_in_bytes', 'memory.max'),
          String(64 << 20),
        )
      }
      await world.kubelet.waitFor(
        'resized',
        ({ status }) => !status?.conditions?.some(({ type }) => type === 'PodResizeInProgress'),
      )
      await world.remove('resized')
    })

    it('resizes a pod as a whole, and refuses less memory than it uses', async () => {
      const resources = (memory: string) => ({
        limits: { cpu: '500m', memory },
        requests: { cpu: '100m', memory },
      })
      const patch = (memory: string) =>
        world.kubelet.client.patch(
          pods,
          { namespace: 'default', name: 'whole' },
          { type: 'merge', body: { spec: { resources: resources(memory) } } },
        )
      await world.create('whole', { resources: resources('32Mi') })
      const pod = await world.kubelet.waitFor('whole', isReady)
      const parent = `${world.containerd.cgroupRoot}/kubepods/burstable/pod${pod.metadata?.uid}`
      const paths = [parent, `${parent}/${app(pod)?.containerID?.replace('containerd://', '')}`]
      const limits = () =>
        Promise.all(paths.map((path) => readCgroup(path, 'memory', 'memory.limit_in_bytes', 'memory.max')))
      assert.deepEqual(await limits(), [String(32 << 20), String(32 << 20)])
      await patch('64Mi')
      await world.kubelet.waitFor('whole', ({ status }) => status?.resources?.limits?.memory === '64Mi')
      assert.deepEqual(await limits(), [String(64 << 20), String(64 << 20)])
      await patch('16Ki')
      const refused = await world.kubelet.waitFor('whole', ({ status }) =>
        (status?.conditions ?? []).some(({ reason }) => reason === 'Error'),
      )
      const told = refused.status?.conditions?.find(({ type }) => type === 'PodResizeInProgress')
      assert.match(
        told?.message ?? '',
        /^attempting to set pod memory limit \(16384\) below current usage \(\d+\)$/,
      )
      assert.deepEqual(await limits(), [String(64 << 20), String(64 << 20)])
      const reasons = (await world.kubelet.eventsOf('whole')).map(({ reason }) => reason)
      for (const reason of ['ResizeStarted', 'ResizeCompleted', 'ResizeError'])
        assert.ok(reasons.includes(reason))
      await world.remove('whole')
    })

    it('starts the whole pod again when a container says so, and keeps its sandbox and volumes', async () => {
      const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
      await world.create('anew', {
        restartPolicy: 'Never',
        volumes: [{ name: 'v', emptyDir: {} }],
        initContainers: [aShell('setup', 'echo setup >> /v/order', mount)],
        containers: [
          aShell('app', 'echo app >> /v/order; trap "exit 0" TERM; while true; do sleep 0.1; done', {
            ...mount,
            lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', 'echo hook >> /v/order'] } } },
          }),
          aShell(
            'trigger',
            'if [ -e /v/again ]; then while true; do sleep 1; done; fi; sleep 1; touch /v/again; exit 42',
            {
              ...mount,
              restartPolicy: 'Never',
              restartPolicyRules: [
                { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } },
              ],
            },
          ),
        ],
      })
      const first = await world.kubelet.waitFor('anew', isReady)
      const again = await world.kubelet.waitFor('anew', ({ status }) =>
        [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].every(
          ({ restartCount, state }) => restartCount === 1 && (state?.running ?? state?.terminated),
        ),
      )
      assert.equal(again.status?.podIP, first.status?.podIP)
      const trigger = again.status?.containerStatuses?.find(({ name }) => name === 'trigger')
      assert.equal(trigger?.lastState?.terminated?.exitCode, 42)
      const volume = join(
        world.containerd.directory,
        `kubelet/pods/${again.metadata?.uid}/volumes/kubernetes.io~empty-dir/v/order`,
      )
      const order = async () => (await readFile(volume, 'utf8')).trim().replaceAll('\n', ' ')
      await eventually(async () => (await order()) === 'setup app setup app')
      await world.remove('anew')
    })

    it('says that memory ran out', async () => {
      // A child runs out, and its parent outlives it for a second: the runtime may hear of the exit of a
      // container's own process before it hears that the kernel killed it, and then names no reason.
      const runOut = '(x=a; while true; do x=$x$x; done); sleep 1; exit 1'
      await world.create('hungry', {
        restartPolicy: 'Never',
        containers: [aShell('app', runOut, { resources: { limits: { memory: '16Mi' } } })],
      })
      const pod = await world.kubelet.waitFor('hungry', hasEnded)
      assert.equal(app(pod)?.state?.terminated?.reason, 'OOMKilled')
      await world.remove('hungry')
    })

    it('runs init containers one after the other, and sidecars beside', async () => {
      const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
      await world.create('ordered', {
        restartPolicy: 'Never',
        initContainers: [
          aShell('first', 'sleep 0.2; echo first >> /v/order', mount),
          aShell(
            'sidecar',
            'echo sidecar >> /v/order; trap "echo sidecar-ends >> /v/order; exit 0" TERM; while true; do sleep 0.1; done',
            {
              ...mount,
              restartPolicy: 'Always',
              startupProbe: { exec: { command: ['/bin/grep', 'sidecar', '/v/order'] }, periodSeconds: 1 },
            },
          ),
          aShell('second', 'echo second >> /v/order', mount),
        ],
        containers: [aShell('app', 'echo app >> /v/order; sleep 0.5; echo app-ends >> /v/order', mount)],
        volumes: [{ name: 'v', hostPath: { path: join(world.share, 'ordered'), type: 'DirectoryOrCreate' } }],
        terminationGracePeriodSeconds: 5,
      })
      const pod = await world.kubelet.waitFor('ordered', hasEnded)
      assert.equal(pod.status?.phase, 'Succeeded')
      assert.equal(
        await readFile(join(world.share, 'ordered/order'), 'utf8'),
        'first\nsidecar\nsecond\napp\napp-ends\nsidecar-ends\n',
      )
      assert.deepEqual(
        pod.status?.conditions
          ?.filter(({ type }) => type === 'Initialized')
          .map(({ status, reason }) => [status, reason]),
        [['True', 'PodCompleted']],
      )
      await world.remove('ordered')
    })

    it('restarts what crashes, backing off, and keeps its last words', async () => {
      await world.create('crashing', {
        containers: [aShell('app', 'echo goodbye > /dev/termination-log; exit 3')],
      })
      const pod = await world.kubelet.waitFor('crashing', (pod) => waitingReason(pod) === 'CrashLoopBackOff')
      const status = app(pod)
      assert.equal(status?.restartCount, 1)
      assert.equal(status?.lastState?.terminated?.exitCode, 3)
      assert.equal(status?.lastState?.terminated?.message, 'goodbye\n')
      assert.equal(
        status?.state?.waiting?.message,
        `back-off 10s restarting failed container=app pod=crashing_default(${pod.metadata?.uid})`,
      )
      assert.equal(pod.status?.phase, 'Running')
      await world.remove('crashing')
    })

    it('takes the end of the log for last words when asked', async () => {
      await world.create('talkative', {
        restartPolicy: 'Never',
        containers: [
          aShell('app', 'echo one; echo two; exit 1', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
        ],
      })
      const pod = await world.kubelet.waitFor('talkative', hasEnded)
      assert.equal(pod.status?.phase, 'Failed')
      assert.equal(app(pod)?.state?.terminated?.message, 'one\ntwo\n')
      await world.remove('talkative')
    })

    it('runs hooks', async () => {
      const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
      await world.create('hooks', {
        terminationGracePeriodSeconds: 5,
        containers: [
          aShell('app', 'trap "echo term >> /v/log; exit 0" TERM; while true; do sleep 0.1; done', {
            ...mount,
            lifecycle: {
              postStart: { exec: { command: ['/bin/sh', '-c', 'sleep 0.3; echo started >> /v/log'] } },
              preStop: { exec: { command: ['/bin/sh', '-c', 'echo stopping >> /v/log'] } },
            },
          }),
          aShell('next', 'echo next >> /v/log; sleep 1000', mount),
        ],
        volumes: [{ name: 'v', hostPath: { path: join(world.share, 'hooks'), type: 'DirectoryOrCreate' } }],
      })
      await world.kubelet.waitFor('hooks', isReady)
      await world.kubelet.client.delete(
        pods,
        { namespace: 'default', name: 'hooks' },
        { gracePeriodSeconds: 3 },
      )
      await world.kubelet.waitGone('hooks')
      assert.equal(await readFile(join(world.share, 'hooks/log'), 'utf8'), 'started\nnext\nstopping\nterm\n')
    })

    it('fails a start whose postStart hook fails', async () => {
      await world.create('bad-hook', {
        containers: [
          aContainer('app', {
            lifecycle: { postStart: { exec: { command: ['/bin/sh', '-c', 'echo no; exit 7'] } } },
          }),
        ],
      })
      await world.kubelet.waitFor('bad-hook', (pod) => (app(pod)?.restartCount ?? 0) > 0)
      const told = (await world.kubelet.eventsOf('bad-hook')).filter(
        ({ reason }) => reason === 'FailedPostStartHook',
      )
      assert.match(told[0]?.message ?? '', /exited with 7/)
      await world.remove('bad-hook')
    })

    it('probes', async () => {
      await world.create('probed', {
        containers: [
          aShell(
            'app',
            'mkdir /w; echo ok > /w/ready; httpd -p 8080 -h /w; sleep 1.2; touch /w/up; sleep 1000',
            {
              ports: [{ name: 'web', containerPort: 8080 }],
              startupProbe: {
                exec: { command: ['/bin/cat', '/w/up'] },
                periodSeconds: 1,
                failureThreshold: 10,
              },
              readinessProbe: { httpGet: { path: '/ready', port: 'web' }, periodSeconds: 1 },
              livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
            },
          ),
        ],
      })
      const before = await world.kubelet.waitFor('probed', isRunning)
      assert.equal(app(before)?.started, false)
      assert.equal(app(before)?.ready, false)
      const pod = await world.kubelet.waitFor('probed', isReady)
      assert.equal(app(pod)?.started, true)
      await world.remove('probed')
    })

    it('restarts what its liveness probe condemns', async () => {
      await world.create('sick', {
        containers: [
          aContainer('app', {
            livenessProbe: { exec: { command: ['/bin/false'] }, periodSeconds: 1, failureThreshold: 1 },
          }),
        ],
      })
      await world.kubelet.waitFor('sick', (pod) => (app(pod)?.restartCount ?? 0) > 0)
      const told = (await world.kubelet.eventsOf('sick')).map(
        ({ reason, message }) => `${reason}: ${message}`,
      )
      assert.ok(
        told.includes('Killing: Container app failed liveness probe, will be restarted'),
        told.join('\n'),
      )
      await world.remove('sick')
    })

    it('fails a pod that is over its deadline', async () => {
      await world.create('late', { activeDeadlineSeconds: 1 })
      const pod = await world.kubelet.waitFor('late', hasEnded)
      assert.equal(pod.status?.phase, 'Failed')
      assert.equal(pod.status?.reason, 'DeadlineExceeded')
      await world.remove('late')
    })

    const imageFaults = [
      { name: 'never', image: 'k8ts.test/none:1', policy: 'Never', reason: 'ErrImageNeverPull' },
      { name: 'invalid', image: 'example/UPPER', policy: 'IfNotPresent', reason: 'InvalidImageName' },
      {
        name: 'unreachable',
        image: '127.0.0.1:1/none:1',
        policy: 'IfNotPresent',
        reason: 'ImagePullBackOff',
      },
    ] as const
    for (const { name, image, policy, reason } of imageFaults) {
      it(`waits with ${reason}`, async () => {
        await world.create(name, { containers: [aContainer('app', { image, imagePullPolicy: policy })] })
        const pod = await world.kubelet.waitFor(name, (pod) => waitingReason(pod) === reason)
        assert.equal(pod.status?.phase, 'Pending')
        await world.remove(name)
      })
    }

    it('says why a command cannot be run', async () => {
      await world.create('no-command', { containers: [aContainer('app', { command: ['/none'] })] })
      const pod = await world.kubelet.waitFor(
        'no-command',
        (pod) => waitingReason(pod) === 'RunContainerError',
      )
      const { message = '' } = app(pod)?.state?.waiting ?? {}
      assert.match(message, /no such file or directory/)
      assert.doesNotMatch(message, /rpc error/)
      await world.kubelet.waitFor('no-command', (pod) => waitingReason(pod) === 'CrashLoopBackOff')
      await world.remove('no-command')
    })

    it('adds ephemeral containers', async () => {
      const pod = await world.create('debugged', {})
      await world.kubelet.waitFor('debugged', isReady)
      const found = await world.kubelet.client.get(pods, { namespace: 'default', name: 'debugged' })
      await world.kubelet.client.update(pods, {
        ...found,
        spec: {
          ...found.spec!,
          ephemeralContainers: [{ ...aShell('debug', 'ps; echo done'), targetContainerName: 'app' }],
        },
      })
      await world.kubelet.waitFor(
        'debugged',
        (pod) => pod.status?.ephemeralContainerStatuses?.[0]?.state?.terminated !== undefined,
      )
      assert.match(await world.logOf(pod, 'debug'), /1000000000[^]*done/)
      await world.remove('debugged')
    })

    it('rejects what the node cannot take', async () => {
      await world.create('too-big', {
        containers: [aContainer('app', { resources: { requests: { cpu: '1k' } } })],
      })
      const big = await world.kubelet.waitFor('too-big', hasEnded)
      assert.equal(big.status?.reason, 'OutOfcpu')
      assert.match(
        big.status?.message ?? '',
        /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: \d+, capacity: \d+$/,
      )
      await world.create('elsewhere', { nodeSelector: { 'kubernetes.io/hostname': 'other' } })
      const misplaced = await world.kubelet.waitFor('elsewhere', hasEnded)
      assert.equal(misplaced.status?.reason, 'NodeAffinity')
      await world.remove('too-big')
      await world.remove('elsewhere')
    })

    it('registers the node', async () => {
      const find = () => world.kubelet.client.get(nodes, { name: 'node-1' })
      const isNodeReady = ({ status }: Node) =>
        status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
      await eventually(async () => isNodeReady(await find()))
      const node = await find()
      assert.equal(node.metadata?.labels?.['kubernetes.io/hostname'], 'node-1')
      assert.match(node.status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\/\d+\./)
    })
  },
)

const legacy = !(await readFile('/sys/fs/cgroup/cgroup.controllers').then(
  () => true,
  () => false,
))

async function readCgroup(
  path: string,
  controller: string,
  legacyFile: string,
  file: string,
): Promise<string> {
  const full = legacy
    ? join('/sys/fs/cgroup', controller, path, legacyFile)
    : join('/sys/fs/cgroup', path, file)
  return (await readFile(full, 'utf8')).trim()
}

import assert from 'node:assert/strict'
import { readFile, readdir, writeFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { ContainerStatus, Node, Pod, PodSpec } from '../api/generated/core.v1.ts'
import { configMaps, nodes, pods, secrets, services } from '../api/generated/resources.ts'
import { aContainer, aPod, aShell } from './testing/pod-builder.ts'
import { startTestContainerd, whyNoContainers, type TestContainerd } from './testing/containerd.ts'
import { kubeletHarness, type KubeletHarness } from './testing/kubelet-harness.ts'

describe('the kubelet on real containers', { skip: whyNoContainers() ?? false, concurrency: true }, () => {
  let containerd: TestContainerd
  let kubelet: KubeletHarness
  let logs: string
  let share: string

  before(async () => {
    containerd = await startTestContainerd()
    logs = join(containerd.directory, 'logs')
    share = join(containerd.directory, 'share')
    await mkdir(share)
    kubelet = kubeletHarness({
      nodeName: 'node-1',
      nodeIPs: ['192.0.2.10'],
      runtime: { type: 'cri', socket: containerd.socket },
      rootDirectory: join(containerd.directory, 'kubelet'),
      podLogsDirectory: logs,
      containerLogsDirectory: join(containerd.directory, 'links'),
      cgroupRoot: containerd.cgroupRoot,
      clusterDNS: ['10.96.0.10'],
      podCIDRs: ['10.213.7.0/24'],
      cni: {
        directory: containerd.cniDirectory,
        bridge: containerd.bridge,
        addressDirectory: join(containerd.directory, 'addresses'),
      },
    })
    kubelet.client.seed(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { colour: 'green', 'app.conf': 'a=1\n' },
    })
    kubelet.client.seed(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'default' },
      data: { password: Buffer.from('hunter2').toString('base64') },
    })
    kubelet.client.seed(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web-api', namespace: 'default' },
      spec: { clusterIP: '10.96.0.20', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    })
    await kubelet.start()
  })

  after(async () => {
    await kubelet?.stop()
    await containerd?.stop()
  })

  async function create(name: string, spec: Partial<PodSpec>, metadata: Pod['metadata'] = {}): Promise<Pod> {
    return await kubelet.client.create(pods, aPod(name, spec, metadata))
  }

  async function remove(name: string): Promise<void> {
    await kubelet.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 1 })
    await kubelet.waitGone(name)
  }

  /** What a container wrote, without CRI's prefixes. */
  async function logOf(pod: Pod, container: string, attempt = 0): Promise<string> {
    const directory = `default_${pod.metadata?.name}_${pod.metadata?.uid}`
    const text = await readFile(join(logs, directory, container, `${attempt}.log`), 'utf8')
    return text.replaceAll(/^\S+ \S+ \S /gm, '')
  }

  /** Runs a script to its end and answers with its output. */
  async function output(
    name: string,
    script: string,
    spec: Partial<PodSpec> = {},
    container = {},
  ): Promise<string> {
    await create(name, { restartPolicy: 'Never', containers: [aShell('app', script, container)], ...spec })
    const pod = await kubelet.waitFor(name, ended)
    const text = await logOf(pod, 'app')
    await remove(name)
    return text
  }

  it('runs a pod, tells its status, and ends it', async () => {
    await create('plain', {})
    const pod = await kubelet.waitFor('plain', isReady)
    assert.match(pod.status?.podIP ?? '', /^10\.213\.7\.\d+$/)
    const status = pod.status?.containerStatuses?.[0]
    assert.match(status?.containerID ?? '', /^containerd:\/\/[0-9a-f]{64}$/)
    assert.equal(status?.image, 'k8ts.test/busybox:1')
    const reasons = (await kubelet.eventsOf('plain')).map(({ reason }) => reason)
    assert.deepEqual(reasons, ['Pulled', 'Created', 'Started'])
    const cgroup = `${containerd.cgroupRoot}/kubepods/besteffort/pod${pod.metadata?.uid}`
    assert.equal(await readCgroup(cgroup, 'cpu', 'cpu.shares', 'cpu.weight'), legacy ? '2' : '1')
    await remove('plain')
    await assert.rejects(readCgroup(cgroup, 'cpu', 'cpu.shares', 'cpu.weight'))
    assert.deepEqual(
      await readdir(join(containerd.directory, 'kubelet/pods')).then((all) =>
        all.filter((uid) => uid === pod.metadata?.uid),
      ),
      [],
    )
  })

  it('makes the environment', async () => {
    const text = await output(
      'environment',
      'echo $(GREETING) "$0"; env | sort',
      {},
      {
        args: ['$(NAME)-$$(NAME)'],
        envFrom: [{ configMapRef: { name: 'settings' }, prefix: 'CM_' }],
        env: [
          { name: 'NAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
          { name: 'GREETING', value: 'hello-$(NAME)' },
          { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'keys', key: 'password' } } },
          { name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } },
          { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
          { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
          { name: 'MISSING', valueFrom: { configMapKeyRef: { name: 'none', key: 'x', optional: true } } },
        ],
        resources: { limits: { memory: '64Mi' } },
      },
    )
    assert.match(text, /^hello-environment environment-\$\(NAME\)$/m)
    assert.match(text, /^CM_colour=green$/m)
    assert.match(text, /^PASSWORD=hunter2$/m)
    assert.match(text, /^COLOUR=green$/m)
    assert.match(text, /^IP=10\.213\.7\.\d+$/m)
    assert.match(text, /^LIMIT=64$/m)
    assert.match(text, /^WEB_API_SERVICE_HOST=10\.96\.0\.20$/m)
    assert.match(text, /^WEB_API_SERVICE_PORT_HTTP=80$/m)
    assert.doesNotMatch(text, /MISSING/)
  })

  it('waits for a ConfigMap that a variable needs', async () => {
    await create('patient', {
      restartPolicy: 'Never',
      containers: [
        aShell('app', 'echo $V', {
          env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'late', key: 'v' } } }],
        }),
      ],
    })
    const waiting = await kubelet.waitFor('patient', (pod) => reasonOf(pod) === 'CreateContainerConfigError')
    assert.equal(app(waiting)?.state?.waiting?.message, 'configmaps "late" not found')
    await kubelet.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'late', namespace: 'default' },
      data: { v: 'now' },
    })
    const pod = await kubelet.waitFor('patient', ended, 3000)
    assert.equal(await logOf(pod, 'app'), 'now\n')
    await remove('patient')
  })

  it('mounts volumes of every kind', async () => {
    const file = join(share, 'host-file')
    await writeFile(file, 'from the host\n')
    const text = await output(
      'volumes',
      [
        'cat /config/colour; echo; cat /config/app.conf; stat -c "%a %g" /config/colour/../colour',
        'cat /secret/deep/pw; echo; stat -c "%a" -L /secret/deep/pw',
        'cat /all/colour /all/labels; echo',
        'mount | grep " /memory "; mount | grep " /secret "',
        'cat /host-file; echo changed > /host-dir/written; ls -la /config | grep -c "\\.\\.data"',
        'cat /sub; echo; ls -d /expr/volumes',
        'echo x > /empty/f && stat -c "%g %a" /empty',
        'echo y > /config/new || echo read-only',
      ].join('\n'),
      {
        securityContext: { fsGroup: 4321 },
        volumes: [
          { name: 'config', configMap: { name: 'settings', defaultMode: 0o640 } },
          {
            name: 'secret',
            secret: { secretName: 'keys', items: [{ key: 'password', path: 'deep/pw', mode: 0o400 }] },
          },
          {
            name: 'all',
            projected: {
              sources: [
                { configMap: { name: 'settings', items: [{ key: 'colour', path: 'colour' }] } },
                { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.uid' } }] } },
              ],
            },
          },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'empty', emptyDir: {} },
          { name: 'host-file', hostPath: { path: file, type: 'File' } },
          { name: 'host-dir', hostPath: { path: join(share, 'made'), type: 'DirectoryOrCreate' } },
        ],
      },
      {
        env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
        volumeMounts: [
          { name: 'config', mountPath: '/config' },
          { name: 'config', mountPath: '/sub', subPath: 'colour' },
          { name: 'secret', mountPath: '/secret' },
          { name: 'all', mountPath: '/all' },
          { name: 'memory', mountPath: '/memory' },
          { name: 'empty', mountPath: '/empty' },
          { name: 'empty', mountPath: '/expr/volumes', subPathExpr: 'dir/$(POD)' },
          { name: 'host-file', mountPath: '/host-file' },
          { name: 'host-dir', mountPath: '/host-dir' },
        ],
      },
    )
    assert.match(text, /^green\na=1\n/)
    assert.match(text, /hunter2\n440\n/)
    assert.match(text, /tmpfs on \/memory .*size=1024k/)
    assert.match(text, /tmpfs on \/secret /)
    assert.match(text, /from the host\n/)
    assert.match(text, /green\n\/expr\/volumes\n/)
    assert.match(text, /4321 2777\n/)
    assert.match(text, /read-only\n$/)
    assert.equal(await readFile(join(share, 'made/written'), 'utf8'), 'changed\n')
  })

  it('updates a ConfigMap volume while the pod runs', async () => {
    await kubelet.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'changing', namespace: 'default' },
      data: { v: 'one' },
    })
    await create('updated', {
      restartPolicy: 'Never',
      containers: [
        aShell('app', 'until grep -q two /c/v; do sleep 0.1; done', {
          volumeMounts: [{ name: 'c', mountPath: '/c' }],
        }),
      ],
      volumes: [{ name: 'c', configMap: { name: 'changing' } }],
    })
    await kubelet.waitFor('updated', isReady)
    await kubelet.client.patch(
      configMaps,
      { namespace: 'default', name: 'changing' },
      { type: 'merge', body: { data: { v: 'two' } } },
    )
    await kubelet.waitFor('updated', (pod) => pod.status?.phase === 'Succeeded')
    await remove('updated')
  })

  it('tells of a volume that cannot be made', async () => {
    await create('no-volume', { volumes: [{ name: 'v', secret: { secretName: 'none' } }] })
    await until(async () =>
      (await kubelet.eventsOf('no-volume')).some(({ reason }) => reason === 'FailedMount'),
    )
    const [event] = (await kubelet.eventsOf('no-volume')).filter(({ reason }) => reason === 'FailedMount')
    assert.equal(event?.message, 'MountVolume.SetUp failed for volume "v" : secrets "none" not found')
    await remove('no-volume')
  })

  it('refuses a subPath that leads out of its volume', async () => {
    await create('escape', {
      initContainers: [
        aShell('init', 'ln -s /etc /v/out', { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ],
      containers: [aContainer('app', { volumeMounts: [{ name: 'v', mountPath: '/x', subPath: 'out/ssl' }] })],
      volumes: [{ name: 'v', emptyDir: {} }],
    })
    const pod = await kubelet.waitFor('escape', (pod) => reasonOf(pod) === 'CreateContainerConfigError')
    assert.match(app(pod)?.state?.waiting?.message ?? '', /leads outside of the volume/)
    await remove('escape')
  })

  it('applies security contexts', async () => {
    const text = await output(
      'security',
      'id -u; id -g; id -G; grep -E "NoNewPrivs|CapEff" /proc/self/status; touch /file || echo read-only; ls /proc/kcore; wc -c < /proc/timer_list',
      { securityContext: { runAsUser: 1000, runAsGroup: 2000, supplementalGroups: [3000], fsGroup: 4000 } },
      {
        securityContext: {
          runAsNonRoot: true,
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        },
      },
    )
    assert.match(text, /^1000\n2000\n/)
    assert.match(text, /\b3000\b/)
    assert.match(text, /\b4000\b/)
    assert.match(text, /CapEff:\t0000000000000000\n/)
    assert.match(text, /NoNewPrivs:\t1\n/)
    assert.match(text, /read-only\n/)
  })

  it('refuses to run as root what must not', async () => {
    await create('not-root', { containers: [aContainer('app', { securityContext: { runAsNonRoot: true } })] })
    const pod = await kubelet.waitFor('not-root', (pod) => reasonOf(pod) === 'CreateContainerConfigError')
    assert.equal(
      app(pod)?.state?.waiting?.message,
      `container has runAsNonRoot and image will run as root (pod: "not-root_default(${pod.metadata?.uid})", container: app)`,
    )
    await remove('not-root')
  })

  it('limits resources', async () => {
    await create('limited', {
      containers: [
        aContainer('app', {
          resources: { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '500m', memory: '32Mi' } },
        }),
      ],
    })
    const pod = await kubelet.waitFor('limited', isReady)
    assert.equal(pod.status?.qosClass, 'Burstable')
    const parent = `${containerd.cgroupRoot}/kubepods/burstable/pod${pod.metadata?.uid}`
    const id = app(pod)?.containerID?.replace('containerd://', '')
    for (const path of [parent, `${parent}/${id}`]) {
      assert.equal(await readCgroup(path, 'memory', 'memory.limit_in_bytes', 'memory.max'), String(32 << 20))
      if (legacy) {
        assert.equal(await readCgroup(path, 'cpu', 'cpu.shares', ''), '102')
        assert.equal(await readCgroup(path, 'cpu', 'cpu.cfs_quota_us', ''), '50000')
      } else {
        assert.equal(await readCgroup(path, '', '', 'cpu.max'), '50000 100000')
      }
    }
    await remove('limited')
  })

  it('says that memory ran out', async () => {
    await create('hungry', {
      restartPolicy: 'Never',
      containers: [
        aShell('app', 'x=a; while true; do x=$x$x; done', { resources: { limits: { memory: '16Mi' } } }),
      ],
    })
    const pod = await kubelet.waitFor('hungry', ended)
    assert.equal(app(pod)?.state?.terminated?.reason, 'OOMKilled')
    await remove('hungry')
  })

  it('runs init containers one after the other, and sidecars beside', async () => {
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
    await create('ordered', {
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
      volumes: [{ name: 'v', hostPath: { path: join(share, 'ordered'), type: 'DirectoryOrCreate' } }],
      terminationGracePeriodSeconds: 5,
    })
    const pod = await kubelet.waitFor('ordered', ended)
    assert.equal(pod.status?.phase, 'Succeeded')
    assert.equal(
      await readFile(join(share, 'ordered/order'), 'utf8'),
      'first\nsidecar\nsecond\napp\napp-ends\nsidecar-ends\n',
    )
    assert.deepEqual(
      pod.status?.conditions
        ?.filter(({ type }) => type === 'Initialized')
        .map(({ status, reason }) => [status, reason]),
      [['True', 'PodCompleted']],
    )
    await remove('ordered')
  })

  it('restarts what crashes, backing off, and keeps its last words', async () => {
    await create('crashing', {
      containers: [aShell('app', 'echo goodbye > /dev/termination-log; exit 3')],
    })
    const pod = await kubelet.waitFor('crashing', (pod) => reasonOf(pod) === 'CrashLoopBackOff')
    const status = app(pod)
    assert.equal(status?.restartCount, 1)
    assert.equal(status?.lastState?.terminated?.exitCode, 3)
    assert.equal(status?.lastState?.terminated?.message, 'goodbye\n')
    assert.equal(
      status?.state?.waiting?.message,
      `back-off 10s restarting failed container=app pod=crashing_default(${pod.metadata?.uid})`,
    )
    assert.equal(pod.status?.phase, 'Running')
    await remove('crashing')
  })

  it('takes the end of the log for last words when asked', async () => {
    await create('talkative', {
      restartPolicy: 'Never',
      containers: [
        aShell('app', 'echo one; echo two; exit 1', { terminationMessagePolicy: 'FallbackToLogsOnError' }),
      ],
    })
    const pod = await kubelet.waitFor('talkative', ended)
    assert.equal(pod.status?.phase, 'Failed')
    assert.equal(app(pod)?.state?.terminated?.message, 'one\ntwo\n')
    await remove('talkative')
  })

  it('shares namespaces as asked', async () => {
    const text = await output(
      'namespaces',
      'hostname; hostname -f || true; cat /etc/hosts /etc/resolv.conf; ps',
      {
        hostname: 'web',
        subdomain: 'site',
        shareProcessNamespace: true,
        hostAliases: [{ ip: '192.0.2.99', hostnames: ['alias', 'other'] }],
        dnsConfig: { options: [{ name: 'ndots', value: '3' }] },
      },
    )
    assert.match(text, /^web\n/)
    assert.match(text, /^10\.213\.7\.\d+\tweb\.site\.default\.svc\.cluster\.local\tweb$/m)
    assert.match(text, /^192\.0\.2\.99\talias\tother$/m)
    assert.match(text, /^nameserver 10\.96\.0\.10$/m)
    assert.match(text, /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local/m)
    assert.match(text, /^options ndots:3$/m)
    assert.match(text, /1000000000/)

    const host = await output('host-network', 'ip -o addr; ps | wc -l', { hostNetwork: true, hostPID: true })
    assert.match(host, new RegExp(containerd.bridge))
    assert.ok(Number(host.trim().split('\n').at(-1)) > 30)
  })

  it('runs hooks', async () => {
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] }
    await create('hooks', {
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
      volumes: [{ name: 'v', hostPath: { path: join(share, 'hooks'), type: 'DirectoryOrCreate' } }],
    })
    await kubelet.waitFor('hooks', isReady)
    await kubelet.client.delete(pods, { namespace: 'default', name: 'hooks' }, { gracePeriodSeconds: 3 })
    await kubelet.waitGone('hooks')
    assert.equal(await readFile(join(share, 'hooks/log'), 'utf8'), 'started\nnext\nstopping\nterm\n')
  })

  it('fails a start whose postStart hook fails', async () => {
    await create('bad-hook', {
      containers: [
        aContainer('app', {
          lifecycle: { postStart: { exec: { command: ['/bin/sh', '-c', 'echo no; exit 7'] } } },
        }),
      ],
    })
    await kubelet.waitFor('bad-hook', (pod) => (app(pod)?.restartCount ?? 0) > 0)
    const told = (await kubelet.eventsOf('bad-hook')).filter(({ reason }) => reason === 'FailedPostStartHook')
    assert.match(told[0]?.message ?? '', /exited with 7/)
    await remove('bad-hook')
  })

  it('probes', async () => {
    await create('probed', {
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
    const before = await kubelet.waitFor('probed', (pod) => pod.status?.phase === 'Running')
    assert.equal(app(before)?.started, false)
    assert.equal(app(before)?.ready, false)
    const pod = await kubelet.waitFor('probed', isReady)
    assert.equal(app(pod)?.started, true)
    await remove('probed')
  })

  it('restarts what its liveness probe condemns', async () => {
    await create('sick', {
      containers: [
        aContainer('app', {
          livenessProbe: { exec: { command: ['/bin/false'] }, periodSeconds: 1, failureThreshold: 1 },
        }),
      ],
    })
    await kubelet.waitFor('sick', (pod) => (app(pod)?.restartCount ?? 0) > 0)
    const told = (await kubelet.eventsOf('sick')).map(({ reason, message }) => `${reason}: ${message}`)
    assert.ok(
      told.includes('Killing: Container app failed liveness probe, will be restarted'),
      told.join('\n'),
    )
    await remove('sick')
  })

  it('fails a pod that is over its deadline', async () => {
    await create('late', { activeDeadlineSeconds: 1 })
    const pod = await kubelet.waitFor('late', ended)
    assert.equal(pod.status?.phase, 'Failed')
    assert.equal(pod.status?.reason, 'DeadlineExceeded')
    await remove('late')
  })

  const imageFaults = [
    { name: 'never', image: 'k8ts.test/none:1', policy: 'Never', reason: 'ErrImageNeverPull' },
    { name: 'invalid', image: 'UPPER/case', policy: 'IfNotPresent', reason: 'InvalidImageName' },
    { name: 'unreachable', image: '127.0.0.1:1/none:1', policy: 'IfNotPresent', reason: 'ImagePullBackOff' },
  ] as const
  for (const { name, image, policy, reason } of imageFaults) {
    it(`waits with ${reason}`, async () => {
      await create(name, { containers: [aContainer('app', { image, imagePullPolicy: policy })] })
      const pod = await kubelet.waitFor(name, (pod) => reasonOf(pod) === reason)
      assert.equal(pod.status?.phase, 'Pending')
      await remove(name)
    })
  }

  it('says why a command cannot be run', async () => {
    await create('no-command', { containers: [aContainer('app', { command: ['/none'] })] })
    const pod = await kubelet.waitFor('no-command', (pod) => reasonOf(pod) === 'RunContainerError')
    assert.match(app(pod)?.state?.waiting?.message ?? '', /no such file or directory/)
    await kubelet.waitFor('no-command', (pod) => reasonOf(pod) === 'CrashLoopBackOff')
    await remove('no-command')
  })

  it('adds ephemeral containers', async () => {
    const pod = await create('debugged', {})
    await kubelet.waitFor('debugged', isReady)
    const found = await kubelet.client.get(pods, { namespace: 'default', name: 'debugged' })
    await kubelet.client.update(pods, {
      ...found,
      spec: {
        ...found.spec!,
        ephemeralContainers: [{ ...aShell('debug', 'ps; echo done'), targetContainerName: 'app' }],
      },
    })
    await kubelet.waitFor(
      'debugged',
      (pod) => pod.status?.ephemeralContainerStatuses?.[0]?.state?.terminated !== undefined,
    )
    assert.match(await logOf(pod, 'debug'), /1000000000[^]*done/)
    await remove('debugged')
  })

  it('rejects what the node cannot take', async () => {
    await create('too-big', { containers: [aContainer('app', { resources: { requests: { cpu: '1k' } } })] })
    const big = await kubelet.waitFor('too-big', ended)
    assert.equal(big.status?.reason, 'OutOfcpu')
    assert.match(
      big.status?.message ?? '',
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 1000000, used: \d+, capacity: \d+$/,
    )
    await create('elsewhere', { nodeSelector: { 'kubernetes.io/hostname': 'other' } })
    const misplaced = await kubelet.waitFor('elsewhere', ended)
    assert.equal(misplaced.status?.reason, 'NodeAffinity')
    await remove('too-big')
    await remove('elsewhere')
  })

  it('registers the node', async () => {
    const find = () => kubelet.client.get(nodes, { name: 'node-1' })
    const isNodeReady = ({ status }: Node) =>
      status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
    await until(async () => isNodeReady(await find()))
    const node = await find()
    assert.equal(node.metadata?.labels?.['kubernetes.io/hostname'], 'node-1')
    assert.match(node.status?.nodeInfo?.containerRuntimeVersion ?? '', /^containerd:\/\/1\./)
  })
})

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

function app(pod: Pod): ContainerStatus | undefined {
  return pod.status?.containerStatuses?.[0]
}

function reasonOf(pod: Pod): string | undefined {
  return app(pod)?.state?.waiting?.reason
}

function ended(pod: Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
}

function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('the condition does not become true')
}

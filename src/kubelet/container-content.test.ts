import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { configMaps, secrets, services } from '../api/generated/resources.ts'
import { whyNoContainers } from './testing/containerd.ts'
import {
  app,
  eventually,
  hasEnded,
  isReady,
  prepareContainerWorld,
  waitingReason,
  type ContainerWorld,
} from './testing/container-world.ts'
import { aContainer, aShell } from './testing/pod-builder.ts'

describe('what real containers see', { skip: whyNoContainers() ?? false, concurrency: true }, () => {
  let world: ContainerWorld
  before(async () => {
    world = await prepareContainerWorld('10.213.7.0/24', { clusterDNS: ['10.96.0.10'] })
    world.kubelet.client.seed(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'default' },
      data: { colour: 'green', 'app.conf': 'a=1\n' },
    })
    world.kubelet.client.seed(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'default' },
      data: { password: Buffer.from('hunter2').toString('base64') },
    })
    world.kubelet.client.seed(services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web-api', namespace: 'default' },
      spec: { clusterIP: '10.96.0.20', ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
    })
    await world.kubelet.start()
  })
  after(() => world?.stop())

  it('makes the environment', async () => {
    const text = await world.output(
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
    await world.create('patient', {
      restartPolicy: 'Never',
      containers: [
        aShell('app', 'echo $V', {
          env: [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'late', key: 'v' } } }],
        }),
      ],
    })
    const waiting = await world.kubelet.waitFor(
      'patient',
      (pod) => waitingReason(pod) === 'CreateContainerConfigError',
    )
    assert.equal(app(waiting)?.state?.waiting?.message, 'configmap "late" not found')
    await world.kubelet.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'late', namespace: 'default' },
      data: { v: 'now' },
    })
    const pod = await world.kubelet.waitFor('patient', hasEnded, 3000)
    assert.equal(await world.logOf(pod, 'app'), 'now\n')
    await world.remove('patient')
  })

  it('mounts volumes of every kind', async () => {
    const file = join(world.share, 'host-file')
    await writeFile(file, 'from the host\n')
    const text = await world.output(
      'volumes',
      [
        'cat /config/colour; echo; cat /config/app.conf',
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
          { name: 'host-dir', hostPath: { path: join(world.share, 'made'), type: 'DirectoryOrCreate' } },
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
    assert.match(text, /^read-only$/m)
    assert.equal(await readFile(join(world.share, 'made/written'), 'utf8'), 'changed\n')
  })

  it('updates a ConfigMap volume while the pod runs', async () => {
    await world.kubelet.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'changing', namespace: 'default' },
      data: { v: 'one' },
    })
    await world.create('updated', {
      restartPolicy: 'Never',
      containers: [
        aShell('app', 'until grep -q two /c/v; do sleep 0.1; done', {
          volumeMounts: [{ name: 'c', mountPath: '/c' }],
        }),
      ],
      volumes: [{ name: 'c', configMap: { name: 'changing' } }],
    })
    await world.kubelet.waitFor('updated', isReady)
    await world.kubelet.client.patch(
      configMaps,
      { namespace: 'default', name: 'changing' },
      { type: 'merge', body: { data: { v: 'two' } } },
    )
    await world.kubelet.waitFor('updated', (pod) => pod.status?.phase === 'Succeeded')
    await world.remove('updated')
  })

  it('tells of a volume that cannot be made', async () => {
    await world.create('no-volume', { volumes: [{ name: 'v', secret: { secretName: 'none' } }] })
    await eventually(async () =>
      (await world.kubelet.eventsOf('no-volume')).some(({ reason }) => reason === 'FailedMount'),
    )
    const [event] = (await world.kubelet.eventsOf('no-volume')).filter(
      ({ reason }) => reason === 'FailedMount',
    )
    assert.equal(event?.message, 'MountVolume.SetUp failed for volume "v" : secret "none" not found')
    await world.remove('no-volume')
  })

  it('refuses a subPath that leads out of its volume, and tells nothing of what is there', async () => {
    const rows = {
      prepare: ['/etc', 'prepare subPath'],
      create: ['/none', 'create subPath directory'],
    } as const
    for (const [name, [target, words]] of Object.entries(rows)) {
      await world.create(name, {
        initContainers: [
          aShell('init', `ln -s ${target} /v/out`, { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
        ],
        containers: [aContainer('app', { volumeMounts: [{ name: 'v', mountPath: '/x', subPath: 'out' }] })],
        volumes: [{ name: 'v', emptyDir: {} }],
      })
      const pod = await world.kubelet.waitFor(
        name,
        (pod) => waitingReason(pod) === 'CreateContainerConfigError',
      )
      assert.equal(
        app(pod)?.state?.waiting?.message,
        `failed to ${words} for volumeMount "v" of container "app"`,
      )
      await world.remove(name)
    }
  })

  it('applies security contexts', async () => {
    const text = await world.output(
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
    await world.create('not-root', {
      containers: [aContainer('app', { securityContext: { runAsNonRoot: true } })],
    })
    const pod = await world.kubelet.waitFor(
      'not-root',
      (pod) => waitingReason(pod) === 'CreateContainerConfigError',
    )
    assert.equal(
      app(pod)?.state?.waiting?.message,
      `container has runAsNonRoot and image will run as root (pod: "not-root_default(${pod.metadata?.uid})", container: app)`,
    )
    await world.remove('not-root')
  })

  it('shares namespaces as asked', async () => {
    const text = await world.output(
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

    const host = await world.output('host-network', 'ip -o addr; ps | wc -l', {
      hostNetwork: true,
      hostPID: true,
    })
    assert.match(host, new RegExp(world.containerd.bridge))
    assert.ok(Number(host.trim().split('\n').at(-1)) > 30)
  })
})

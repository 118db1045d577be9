import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Event, Pod } from '../../src/api/generated/core.v1.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { withoutContainers } from './harness/machine.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { runProgram } from './harness/program.ts'
import { aCluster, testImage, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

describe('pods', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  let folder: string
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'k8ts-e2e-'))
    cluster = aCluster('pods')
    await cluster.up()
    await cluster.loadTestImage()
    await cluster.kubectl.apply(aPod('shell', shell(`echo started; ${sleepScript}`)))
    await ready('shell')
  })
  after(async () => {
    rmSync(folder, { recursive: true })
    await cluster.delete()
  })
  const ready = (pod: string) =>
    cluster.kubectl(['wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s'])
  const ended = (pod: string) =>
    until(`${pod} has ended`, async () => {
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', pod])
      return (status?.phase === 'Succeeded' || status?.phase === 'Failed') && status
    })
  const run = async (name: string, script: string, rest: Partial<Pod['spec'] & object> = {}) => {
    await cluster.kubectl.apply(aPod(name, shell(script), { restartPolicy: 'Never', ...rest }))
    await ended(name)
    return cluster.kubectl(['logs', name])
  }

  describe('kubectl exec', () => {
    it('gives output and exit code with every kubectl', async () => {
      for (const kubectl of cluster.kubectls) {
        const result = await kubectl.result([
          'exec',
          'shell',
          '--',
          'sh',
          '-c',
          'echo out; echo err >&2; exit 7',
        ])
        assert.equal(result.stdout, 'out\n', kubectl.release)
        assert.match(result.stderr, /^err\n/)
        assert.equal(result.exitCode, 7)
      }
    })

    it('passes standard input whole', async () => {
      const input = 'x'.repeat(300_000)
      for (const kubectl of cluster.kubectls) {
        const output = await kubectl(['exec', '-i', 'shell', '--', 'wc', '-c'], { stdin: input })
        assert.equal(output.trim(), String(input.length), kubectl.release)
      }
    })

    it('gives a terminal', async () => {
      for (const kubectl of cluster.kubectls) {
        const command = `stty cols 90 rows 30; ${JSON.stringify(kubectlLine(kubectl.release))} exec -it shell -- sh -c 'sleep 0.5; stty size; tty'`
        const session = await runInTerminal(command, cluster.kubeconfig)
        assert.match(session, /30 90/, kubectl.release)
        assert.match(session, /\/dev\/pts\/\d/)
      }
    })
  })

  describe('kubectl exec in a terminal', () => {
    it('tells the program in the pod when its window changes', async () => {
      // The first size comes as a change, too.
      const program = `trap 'size=$(stty size); echo $size; [ "$size" != "22 77" ] || exit 5' WINCH
echo waiting; while :; do sleep 0.1; done`
      const write = ['exec', '-i', 'shell', '--', 'sh', '-c', 'cat > /tmp/window']
      await cluster.kubectl(write, { stdin: program })
      for (const kubectl of cluster.kubectls) {
        const line = `${JSON.stringify(kubectlLine(kubectl.release))} exec -it shell -- sh /tmp/window`
        const script = `stty cols 90 rows 30; tty=$(tty); (sleep 3; stty cols 77 rows 22 < $tty) & ${line}; echo ended $?`
        const shown = await runInTerminal(script, cluster.kubeconfig)
        assert.match(shown, /waiting/, kubectl.release)
        assert.match(shown, /22 77/, kubectl.release)
        assert.match(shown, /ended 5/, kubectl.release)
      }
    })
  })

  describe('kubectl logs', () => {
    it('chooses among containers, and by time', async () => {
      const loud = (name: string) => ({ ...shell(`echo from ${name}; ${sleepScript}`), name })
      await cluster.kubectl.apply(aPod('choir', loud('alto'), { containers: [loud('alto'), loud('bass')] }))
      await ready('choir')
      for (const kubectl of cluster.kubectls) {
        assert.equal(await kubectl(['logs', 'choir', '-c', 'bass']), 'from bass\n', kubectl.release)
        const all = await kubectl(['logs', 'choir', '--all-containers', '--prefix'])
        assert.deepEqual(all.trim().split('\n').sort(), [
          '[pod/choir/alto] from alto',
          '[pod/choir/bass] from bass',
        ])
        assert.equal(await kubectl(['logs', '-l', 'app=choir', '-c', 'alto', '--tail=1']), 'from alto\n')
        assert.equal(await kubectl(['logs', 'choir', '-c', 'bass', '--since-time=2100-01-01T00:00:00Z']), '')
        const wrong = await kubectl.result(['logs', 'choir', '-c', 'tenor'])
        assert.match(wrong.stderr, /container tenor is not valid for pod choir/)
      }
    })

    it('follows, tails and dates', async () => {
      await cluster.kubectl.apply(
        aPod('counter', shell('for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done'), {
          restartPolicy: 'Never',
        }),
      )
      for (const kubectl of cluster.kubectls) {
        await until('it logs', async () => (await kubectl.result(['logs', 'counter'])).stdout !== '')
        const lines = await kubectl(['logs', '-f', 'counter'])
        assert.equal(lines, 'line 1\nline 2\nline 3\nline 4\nline 5\n')
        assert.equal(await kubectl(['logs', '--tail=2', 'counter']), 'line 4\nline 5\n')
        assert.match(await kubectl(['logs', '--timestamps', '--tail=1', 'counter']), /^\d{4}-.*Z line 5\n$/)
        assert.match(await kubectl(['logs', '--since=1h', 'counter', '-c', 'main']), /line 1/)
      }
    })

    it('shows the container before', async () => {
      await cluster.kubectl.apply(aPod('again', shell('echo run; exit 1')))
      await until('it has restarted', async () => {
        const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'again'])
        return (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0
      })
      for (const kubectl of cluster.kubectls) {
        assert.equal(await kubectl(['logs', '--previous', 'again']), 'run\n', kubectl.release)
      }
      await until('it backs off', async () => {
        const output = await cluster.kubectl(['get', 'pod', 'again', '--no-headers'])
        return / CrashLoopBackOff /.test(output)
      })
    })
  })

  it('are reached by port-forward', async () => {
    await cluster.kubectl.apply(
      aPod('web', shell('mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www')),
    )
    await ready('web')
    for (const kubectl of cluster.kubectls) {
      const forward = kubectl.start(['port-forward', 'pod/web', ':8080', '--address', '127.0.0.1'])
      try {
        const port = await until('it forwards', () => /127\.0\.0\.1:(\d+)/.exec(forward.stdout())?.[1])
        for (let i = 0; i < 3; i++) {
          assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'hello\n', kubectl.release)
        }
      } finally {
        forward.child.kill('SIGINT')
        await forward.ended
      }
    }
  })

  it('give and take files by cp', async () => {
    const source = join(folder, 'source')
    writeFileSync(source, 'content\n'.repeat(50_000))
    for (const kubectl of cluster.kubectls) {
      const target = join(folder, `target-${kubectl.release}`)
      await kubectl(['cp', source, `shell:/tmp/${kubectl.release}`])
      await kubectl(['cp', `shell:/tmp/${kubectl.release}`, target])
      assert.equal(readFileSync(target, 'utf8'), readFileSync(source, 'utf8'))
    }
  })

  it('are attached to', async () => {
    for (const kubectl of cluster.kubectls) {
      const name = `echo-${kubectl.release}`
      await cluster.kubectl.apply(
        aPod(
          name,
          // Without stdinOnce, containerd lets go of the output too when the input ends.
          { ...shell('read line; echo "heard $line"; sleep 1'), stdin: true, stdinOnce: true },
          { restartPolicy: 'Never' },
        ),
      )
      await ready(name)
      const output = await kubectl(['attach', '-i', name], { stdin: 'you\n' })
      assert.match(output, /heard you/, kubectl.release)
    }
  })

  it('run init containers first, in order', async () => {
    const init = (name: string) => ({
      name,
      image: testImage,
      command: ['sh', '-c', `echo ${name} >> /work/order`],
      volumeMounts: [{ name: 'work', mountPath: '/work' }],
    })
    const pod = aPod(
      'init',
      shell('cat /work/order', { volumeMounts: [{ name: 'work', mountPath: '/work' }] }),
      {
        restartPolicy: 'Never',
        initContainers: [init('first'), init('second')],
        volumes: [{ name: 'work', emptyDir: {} }],
      },
    )
    await cluster.kubectl.apply(pod)
    await ended('init')
    assert.equal(await cluster.kubectl(['logs', 'init']), 'first\nsecond\n')
  })

  it('see configuration and secrets as environment and files', async () => {
    await cluster.kubectl(['create', 'configmap', 'settings', '--from-literal=color=blue'])
    await cluster.kubectl(['create', 'secret', 'generic', 'keys', '--from-literal=token=abc'])
    const output = await run(
      'configured',
      'echo $COLOR $TOKEN $LITERAL; cat /c/color /s/token /d/labels; echo $CPU $NODE',
      {
        containers: [
          shell(
            'echo $COLOR $TOKEN $LITERAL; cat /c/color /s/token; echo; cat /d/name; echo; echo $CPU $NODE',
            {
              resources: { limits: { cpu: '500m', memory: '64Mi' } },
              env: [
                { name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'color' } } },
                { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'keys', key: 'token' } } },
                { name: 'LITERAL', value: '$(COLOR)ish' },
                { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
                { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
              ],
              volumeMounts: [
                { name: 'settings', mountPath: '/c' },
                { name: 'keys', mountPath: '/s' },
                { name: 'about', mountPath: '/d' },
              ],
            },
          ),
        ],
        volumes: [
          { name: 'settings', configMap: { name: 'settings' } },
          { name: 'keys', secret: { secretName: 'keys' } },
          {
            name: 'about',
            downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] },
          },
        ],
      },
    )
    assert.equal(output, 'blue abc blueish\nblueabc\nconfigured\n500 node1\n')
  })

  it('have their requests and limits in their cgroups', async () => {
    const resources = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } }
    await cluster.kubectl.apply(aPod('measured', shell(sleepScript, { resources })))
    await ready('measured')
    const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'measured'])
    const id = status?.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? ''
    const { stdout } = await runProgram('find', ['/sys/fs/cgroup', '-type', 'd', '-name', `*${id}*`])
    const read = (file: string) =>
      stdout
        .split('\n')
        .map((folder) => join(folder, file))
        .filter((path) => existsSync(path))
        .map((path) => readFileSync(path, 'utf8').trim())
    if (read('memory.limit_in_bytes').length > 0) {
      assert.deepEqual(read('memory.limit_in_bytes'), [String(64 * 1024 ** 2)])
      assert.ok(read('cpu.shares').includes('256'))
      assert.ok(read('cpu.cfs_quota_us').includes('50000'))
    } else {
      assert.deepEqual(read('memory.max'), [String(64 * 1024 ** 2)])
      assert.deepEqual(read('cpu.max'), ['50000 100000'])
      assert.match(read('cpu.weight')[0] ?? '', /^(10|28|39)$/)
    }
  })

  it('back off exponentially between restarts', async () => {
    await cluster.kubectl.apply(aPod('crashing', shell('exit 1')))
    const starts = new Set<string>()
    await until(
      'it was started four times',
      async () => {
        const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'crashing'])
        const [container] = status?.containerStatuses ?? []
        for (const state of [container?.state, container?.lastState]) {
          const at = state?.running?.startedAt ?? state?.terminated?.startedAt
          if (at) starts.add(at)
        }
        return (container?.restartCount ?? 0) >= 3
      },
      60_000,
    )
    const times = [...starts].map((at) => Date.parse(at) / 1000).sort((a, b) => a - b)
    // The first restart is at once; then 10 s, 20 s, ...: both ends are whole seconds.
    const waits = times.slice(1).map((at, index) => at - times[index]!)
    assert.ok(Math.abs((waits.at(-2) ?? 0) - 10) <= 2, waits.join(', '))
    assert.ok(Math.abs((waits.at(-1) ?? 0) - 20) <= 2, waits.join(', '))
    await cluster.kubectl(['delete', 'pod', 'crashing', '--wait=false'])
  })

  it('have the services of their namespace as variables', async () => {
    await cluster.kubectl(['create', 'service', 'clusterip', 'my-db', '--tcp=5432:5432'])
    const ip = await cluster.kubectl(['get', 'service', 'my-db', '-o', 'jsonpath={.spec.clusterIP}'])
    const names = 'echo $MY_DB_SERVICE_HOST $MY_DB_SERVICE_PORT $MY_DB_PORT $MY_DB_PORT_5432_TCP_PROTO'
    // The kubelet learns of the Service by its own watch.
    await until('it is told', async () => {
      const name = `env-${Math.round(performance.now())}`
      return (await run(name, names)) === `${ip} 5432 tcp://${ip}:5432 tcp\n`
    })
  })

  it('have their limits enforced', async () => {
    await cluster.kubectl.apply(
      aPod('hungry', shell('tail /dev/zero', { resources: { limits: { memory: '16Mi' } } }), {
        restartPolicy: 'Never',
      }),
    )
    const status = await ended('hungry')
    assert.equal(status.containerStatuses?.[0]?.state?.terminated?.reason, 'OOMKilled')
  })

  it('are restarted by a failing liveness probe, and not ready by a failing readiness probe', async () => {
    await cluster.kubectl.apply(
      aPod(
        'probed',
        shell(`touch /tmp/live; ${sleepScript}`, {
          livenessProbe: { exec: { command: ['cat', '/tmp/live'] }, periodSeconds: 1, failureThreshold: 1 },
          readinessProbe: { exec: { command: ['cat', '/tmp/ready'] }, periodSeconds: 1 },
        }),
      ),
    )
    await until(
      'it runs',
      async () => (await cluster.kubectl.json<Pod>(['get', 'pod', 'probed'])).status?.phase === 'Running',
    )
    assert.match(await cluster.kubectl(['get', 'pod', 'probed', '--no-headers']), / 0\/1 +Running /)
    await cluster.kubectl(['exec', 'probed', '--', 'touch', '/tmp/ready'])
    await ready('probed')
    await cluster.kubectl(['exec', 'probed', '--', 'rm', '/tmp/live'])
    await until('it is restarted', async () => {
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'probed'])
      return status?.containerStatuses?.[0]?.restartCount === 1
    })
    const events = await cluster.kubectl.json<ObjectList<Event>>([
      'get',
      'events',
      '--field-selector',
      'involvedObject.name=probed',
    ])
    assert.ok(events.items.some(({ reason }) => reason === 'Unhealthy'))
    assert.ok(events.items.some(({ reason }) => reason === 'Killing'))
  })

  it('end gracefully, after their preStop hook', async () => {
    await cluster.kubectl.apply(
      aPod(
        'polite',
        {
          ...shell("trap 'echo term >> /out/log; exit 0' TERM; while :; do sleep 0.1; done"),
          lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo hook >> /out/log'] } } },
          volumeMounts: [{ name: 'out', mountPath: '/out' }],
        },
        { volumes: [{ name: 'out', hostPath: { path: folder } }] },
      ),
    )
    await ready('polite')
    await cluster.kubectl(['delete', 'pod', 'polite', '--timeout=30s'])
    assert.equal(readFileSync(join(folder, 'log'), 'utf8'), 'hook\nterm\n')
  })

  it('may call the API server as their service account', async () => {
    const output = await run(
      'caller',
      'ls /var/run/secrets/kubernetes.io/serviceaccount; cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo; echo $KUBERNETES_SERVICE_HOST',
    )
    assert.match(output, /^ca\.crt\nnamespace\ntoken\ndefault\n10\.\d+\.0\.1\n$/)
    assert.equal(await cluster.kubectl(['auth', 'can-i', 'list', 'pods']), 'yes\n')
    const refused = await cluster.kubectl.result([
      'auth',
      'can-i',
      'list',
      'secrets',
      '--as=system:serviceaccount:default:default',
    ])
    assert.equal(refused.stdout, 'no\n')
  })

  it('are described', async () => {
    for (const kubectl of cluster.kubectls) {
      const description = await kubectl(['describe', 'pod', 'shell'])
      assert.match(description, /^Name: +shell$/m)
      assert.match(description, /^Status: +Running$/m)
      assert.match(description, /Normal +Started +\S+ .*kubelet/)
    }
  })
})

function kubectlLine(release: 'old' | 'new'): string {
  return process.env[`K8TS_TEST_KUBECTL_${release.toUpperCase()}`] ?? 'kubectl'
}

/** Runs a command line in a terminal (util-linux's script) and gives what it shows. */
async function runInTerminal(command: string, kubeconfig: string): Promise<string> {
  const result = await runProgram('script', ['-qefc', command, '/dev/null'], {
    env: { KUBECONFIG: kubeconfig },
  })
  return result.stdout
}

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import type { Pod, Service } from '../../src/api/generated/core.v1.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { withoutContainers } from './harness/machine.ts'
import { aService, aWebDeployment, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

describe('deployments and services', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('work')
    await cluster.up()
    await cluster.loadTestImage()
    await cluster.kubectl.apply(aWebDeployment('web', 3), aService('web'))
    await rolledOut('web')
  })
  after(() => cluster.delete())

  const rolledOut = (name: string) =>
    cluster.kubectl(['rollout', 'status', `deployment/${name}`, '--timeout=60s'])
  /** Those that stay: pods of an earlier version are still listed while they end. */
  const podsOf = async (app: string) => {
    const { items } = await cluster.kubectl.json<ObjectList<Pod>>(['get', 'pods', '-l', `app=${app}`])
    return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
  }
  const clusterIp = (name: string) =>
    cluster.kubectl(['get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}'])
  const fetchText = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(3000) })).text()

  it('are shown by every kubectl', async () => {
    for (const kubectl of cluster.kubectls) {
      assert.match(
        await kubectl(['get', 'deployments']),
        /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +3\/3 +3 +3 /,
      )
      assert.match(
        await kubectl(['get', 'deployments', '-o', 'wide']),
        /CONTAINERS +IMAGES +SELECTOR\n.* main +\S+ +app=web/,
      )
      assert.match(await kubectl(['get', 'services']), /^web +ClusterIP +10\.\S+ +<none> +80\/TCP /m)
      assert.match(
        await kubectl(['describe', 'deployment', 'web']),
        /Replicas: +3 desired \| 3 updated \| 3 total \| 3 available/,
      )
      assert.match(await kubectl(['describe', 'service', 'web']), /Endpoints: +10\.\S+:8080/)
    }
  })

  it('share requests among the pods', async () => {
    const ip = await clusterIp('web')
    const names = new Set((await podsOf('web')).map(({ metadata }) => metadata?.name))
    const answers = new Set<string>()
    await until('all three have answered', async () => {
      answers.add((await fetchText(`http://${ip}/`)).trim())
      return answers.size === 3
    })
    assert.deepEqual(answers, names)
  })

  it('are found by name from a pod', async () => {
    const [pod] = await podsOf('web')
    const lookup = (name: string) =>
      cluster.kubectl(['exec', pod?.metadata?.name ?? '', '--', 'nslookup', name])
    const ip = await clusterIp('web')
    for (const name of ['web.default.svc.cluster.local', 'kubernetes.default.svc.cluster.local']) {
      assert.match(
        await lookup(name),
        name.startsWith('web') ? new RegExp(`Address.*${ip}`) : /Address.*10\.\d+\.0\.1/,
      )
    }
  })

  it('replace a deleted pod', async () => {
    const [victim] = await podsOf('web')
    await cluster.kubectl(['delete', 'pod', victim?.metadata?.name ?? '', '--wait=false'])
    await until('there are three others', async () => {
      const ready = (await podsOf('web')).filter(
        ({ metadata, status }) =>
          metadata?.uid !== victim?.metadata?.uid &&
          status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True'),
      )
      return ready.length === 3
    })
  })

  it('scale up and down', async () => {
    await cluster.kubectl(['scale', 'deployment/web', '--replicas=5'])
    await rolledOut('web')
    await until('there are five', async () => (await podsOf('web')).length === 5)
    await cluster.kubectl(['scale', 'deployment/web', '--replicas=2'])
    await until('two are left', async () => (await podsOf('web')).length === 2)
  })

  it('roll out a new version under load without losing a request', async () => {
    await cluster.kubectl.apply(aWebDeployment('rolling', 10), aService('rolling'))
    await rolledOut('rolling')
    const ip = await clusterIp('rolling')
    let requests = 0
    const stop = new AbortController()
    const failures: unknown[] = []
    const load = Array.from({ length: 4 }, async () => {
      while (!stop.signal.aborted) {
        requests += 1
        try {
          const answer = await fetch(`http://${ip}/version`, {
            signal: AbortSignal.timeout(5000),
            headers: { connection: 'close' },
          })
          if (!['1\n', '2\n'].includes(await answer.text())) failures.push(answer.status)
        } catch (error) {
          failures.push(error)
        }
      }
    })
    await cluster.kubectl.apply(aWebDeployment('rolling', 10, '2'))
    await rolledOut('rolling')
    stop.abort()
    await Promise.all(load)
    assert.deepEqual(failures, [])
    assert.ok(requests > 50, `${requests} requests`)
    // Proxies follow the endpoints a moment later.
    const url = `http://${ip}/version`
    await until('the new version answers', async () => (await fetchText(url)) === '2\n')
  })

  it('keep a history, and go back in it', async () => {
    for (const kubectl of cluster.kubectls) {
      assert.match(
        await kubectl(['rollout', 'history', 'deployment/rolling']),
        /^REVISION +CHANGE-CAUSE\n1 .*\n2 /m,
      )
    }
    await cluster.kubectl(['rollout', 'undo', 'deployment/rolling'])
    await rolledOut('rolling')
    const url = `http://${await clusterIp('rolling')}/version`
    await until('the first version answers', async () => (await fetchText(url)) === '1\n')
  })

  it('pause, resume and restart', async () => {
    await cluster.kubectl(['rollout', 'pause', 'deployment/web'])
    await cluster.kubectl(['set', 'env', 'deployment/web', 'COLOR=green'])
    const generations = async () => {
      const { metadata, status } = await cluster.kubectl.json<Deployment>(['get', 'deployment', 'web'])
      return {
        generation: metadata?.generation,
        observed: status?.observedGeneration,
        updated: status?.updatedReplicas ?? 0,
      }
    }
    await until('it is observed', async () => {
      const { generation, observed } = await generations()
      return generation === observed
    })
    assert.equal((await generations()).updated, 0)
    await cluster.kubectl(['rollout', 'resume', 'deployment/web'])
    await rolledOut('web')
    await cluster.kubectl(['rollout', 'restart', 'deployment/web'])
    await rolledOut('web')
    assert.ok(
      (await podsOf('web')).every(({ spec }) =>
        spec?.containers[0]?.env?.some(({ name }) => name === 'COLOR'),
      ),
    )
  })

  it('are reached on a port of the node', async () => {
    await cluster.kubectl([
      'expose',
      'deployment/web',
      '--name=web-node',
      '--type=NodePort',
      '--port=80',
      '--target-port=8080',
    ])
    const service = await cluster.kubectl.json<Service>(['get', 'service', 'web-node'])
    const [node] = (await cluster.status()).nodes
    const url = `http://${node?.address}:${service.spec?.ports?.[0]?.nodePort}/`
    const answer = await until(`${url} answers`, () => fetchText(url))
    assert.match(answer, /^web-/)
  })

  it('of headless services are found one by one', async () => {
    await cluster.kubectl.apply({
      ...aService('web-headless', { clusterIP: 'None', selector: { app: 'web' } }),
    })
    const [pod] = await podsOf('web')
    const addresses = (await podsOf('web')).map(({ status }) => status?.podIP ?? '').sort()
    await until('DNS names them', async () => {
      const output = await cluster.kubectl([
        'exec',
        pod?.metadata?.name ?? '',
        '--',
        'nslookup',
        'web-headless.default.svc.cluster.local',
      ])
      return addresses.every((address) => output.includes(address))
    })
  })

  it('go with their namespace', async () => {
    await cluster.kubectl(['create', 'namespace', 'gone'])
    // The first process of a container ignores SIGTERM until it asks for it: its grace must be short.
    const labels = { app: 'inside' }
    const spec = { terminationGracePeriodSeconds: 1, containers: [shell(sleepScript)] }
    await cluster.kubectl.apply({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'inside', namespace: 'gone' },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    })
    await cluster.kubectl(['rollout', 'status', 'deployment/inside', '-n', 'gone', '--timeout=60s'])
    await cluster.kubectl(['delete', 'namespace', 'gone', '--timeout=60s'])
    const result = await cluster.kubectl.result(['get', 'namespace', 'gone'])
    assert.match(result.stderr, /namespaces "gone" not found/)
  })
})

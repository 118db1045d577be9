import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Deployment } from '../../src/api/generated/apps.v1.ts'
import type { Job } from '../../src/api/generated/batch.v1.ts'
import type { Pod, ReplicationController } from '../../src/api/generated/core.v1.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { withoutContainers } from './harness/machine.ts'
import { aService, aWebDeployment, shell } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

describe('workloads of other kinds', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('kinds')
    await cluster.up()
    await cluster.loadTestImage()
  })
  after(() => cluster.delete())

  const podsOf = async (selector: string) =>
    (await cluster.kubectl.json<ObjectList<Pod>>(['get', 'pods', '-l', selector])).items
  const clusterIp = (name: string) =>
    cluster.kubectl(['get', 'service', name, '-o', 'jsonpath={.spec.clusterIP}'])
  const fetchText = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(3000) })).text()

  it('of replication controllers serve from each replica', async () => {
    const { metadata, spec } = aWebDeployment('controlled', 2)
    const controller: ReplicationController = {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { ...metadata },
      spec: { replicas: 2, selector: { app: 'controlled' }, template: spec!.template },
    }
    await cluster.kubectl.apply(controller, aService('controlled'))
    const ip = await clusterIp('controlled')
    const answers = new Set<string>()
    await until('both have answered', async () => {
      answers.add((await fetchText(`http://${ip}/`).catch(() => '')).trim())
      answers.delete('')
      return answers.size === 2
    })
    const names = (await podsOf('app=controlled')).map((pod) => pod.metadata?.name)
    assert.deepEqual(answers, new Set(names))
  })

  it('of jobs end although each container fails first and is started again', async () => {
    const script = 'if [ -e /data/tried ]; then exit 0; fi; touch /data/tried; exit 1'
    const job: Job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'retrying' },
      spec: {
        completions: 2,
        parallelism: 2,
        template: {
          spec: {
            restartPolicy: 'OnFailure',
            volumes: [{ name: 'data', emptyDir: {} }],
            containers: [shell(script, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
          },
        },
      },
    }
    await cluster.kubectl.apply(job)
    await cluster.kubectl(['wait', '--for=condition=complete', 'job/retrying', '--timeout=120s'])
    const { status } = await cluster.kubectl.json<Job>(['get', 'job', 'retrying'])
    assert.deepEqual(
      { succeeded: status?.succeeded, failed: status?.failed ?? 0 },
      { succeeded: 2, failed: 0 },
    )
    const pods = await podsOf('job-name=retrying')
    assert.deepEqual(
      pods.map((pod) => pod.status?.containerStatuses?.[0]?.restartCount),
      [1, 1],
    )
  })

  it('make a guestbook, whose pages keep its entries in another service, and stop', async () => {
    // The backend keeps what it is told last; the frontend asks it, by its name.
    const keep =
      'case "$QUERY_STRING" in set=*) echo "${QUERY_STRING#set=}" > /tmp/entry;; esac; cat /tmp/entry 2>/dev/null'
    const ask = `
address=$(nslookup guestbook-backend.default.svc.cluster.local | grep Address | tail -n 1 | grep -oE '[0-9]+([.][0-9]+){3}')
printf 'GET /cgi-bin/book?%s HTTP/1.0\\r\\n\\r\\n' "$QUERY_STRING" | nc "$address" 80 | tail -n 1`
    const objects = [
      aCgiDeployment('guestbook-backend', keep, 1),
      aService('guestbook-backend'),
      aCgiDeployment('guestbook-frontend', ask, 2),
      aService('guestbook-frontend'),
    ]
    await cluster.kubectl.apply(...objects)
    for (const tier of ['backend', 'frontend'])
      await cluster.kubectl(['rollout', 'status', `deployment/guestbook-${tier}`, '--timeout=120s'])
    const url = `http://${await clusterIp('guestbook-frontend')}/cgi-bin/book`
    let answer = ''
    await until('an entry is kept', async () => {
      answer = await fetchText(`${url}?set=TestEntry`).catch(String)
      return answer.trim() === 'TestEntry'
    }).catch((error: unknown) => assert.fail(`${String(error)}: ${answer}`))
    assert.equal((await fetchText(`${url}?get`)).trim(), 'TestEntry')
    const names = ['guestbook-backend', 'guestbook-frontend']
    await cluster.kubectl(['delete', 'service,deployment', ...names, '--grace-period=0', '--force'])
    await until('no pod is left', async () => {
      return (await podsOf('app in (guestbook-backend,guestbook-frontend)')).length === 0
    })
  })
})

/** A web server on port 8080 whose /cgi-bin/book runs the script. */
function aCgiDeployment(name: string, script: string, replicas: number): Deployment {
  const server = aWebDeployment(name, replicas)
  const program = `#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\n${script}\n`
  const start = `
mkdir -p /tmp/www/cgi-bin; echo ok > /tmp/www/index.html
printf '%s' "$PROGRAM" > /tmp/www/cgi-bin/book; chmod +x /tmp/www/cgi-bin/book
exec httpd -f -p 8080 -h /tmp/www`
  const container = shell(start, {
    ports: [{ containerPort: 8080 }],
    env: [{ name: 'PROGRAM', value: program }],
    readinessProbe: { httpGet: { path: '/', port: 8080 }, periodSeconds: 1 },
  })
  return {
    ...server,
    spec: {
      ...server.spec!,
      template: {
        ...server.spec!.template,
        spec: { terminationGracePeriodSeconds: 1, containers: [container] },
      },
    },
  }
}

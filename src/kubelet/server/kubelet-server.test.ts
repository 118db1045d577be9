import assert from 'node:assert/strict'
import { request } from 'node:https'
import { after, before, describe, it } from 'node:test'
import type { SubjectAccessReview } from '../../api/generated/authorization.v1.ts'
import { pods, subjectAccessReviews } from '../../api/generated/resources.ts'
import { createCertificateAuthority } from '../../machinery/pki/certificate.ts'
import { kubeletHarness, type KubeletHarness } from '../testing/kubelet-harness.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { ca, clientOf, originOf, servingOptions } from '../testing/serving.ts'

/** Each may have what their name says, and nothing else. */
const users = {
  proxy: clientOf('proxy'),
  stats: clientOf('stats'),
  metrics: clientOf('metrics'),
  pods: clientOf('pods'),
  healthz: clientOf('healthz'),
  configz: clientOf('configz'),
  statusz: clientOf('statusz'),
  log: clientOf('log'),
  nothing: clientOf('nothing'),
}
const stranger = createCertificateAuthority({ commonName: 'another ca', now: Date.now() })

describe('the kubelet server', () => {
  let kubelet: KubeletHarness
  let origin: string

  before(async () => {
    kubelet = kubeletHarness({
      nodeName: 'node-1',
      nodeIPs: ['192.0.2.10'],
      runtime: { type: 'simulated' },
      podCIDRs: ['10.213.10.0/24'],
      server: { ...servingOptions, authenticateTokens: false },
    })
    answerReviews(kubelet)
    await kubelet.start()
    origin = await originOf(kubelet)
    const livenessProbe = { exec: { command: ['true'] }, periodSeconds: 1 }
    const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m', memory: '64Mi' } }
    await kubelet.client.create(
      pods,
      aPod('web', { containers: [aContainer('app', { livenessProbe, resources })] }),
    )
    await kubelet.waitFor('web', ({ status }) => status?.phase === 'Running')
  })
  after(() => kubelet.stop())

  function ask(path: string, tls: object = {}, method = 'GET'): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = request(`${origin}${path}`, { method, ca, agent: false, ...tls }, (response) => {
        let text = ''
        response.on('data', (chunk) => (text += String(chunk)))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
      })
      sent.on('error', reject)
      sent.end()
    })
  }

  const paths: readonly (readonly [string, string, readonly (keyof typeof users)[]])[] = [
    ['GET', '/healthz', ['healthz', 'proxy']],
    ['GET', '/pods', ['pods', 'proxy']],
    ['GET', '/runningpods/', ['pods', 'proxy']],
    ['GET', '/configz', ['configz', 'proxy']],
    ['GET', '/statusz', ['statusz']],
    ['GET', '/flagz', ['configz']],
    ['GET', '/stats/summary', ['stats']],
    ['GET', '/metrics', ['metrics']],
    ['GET', '/metrics/resource', ['metrics']],
    ['GET', '/metrics/cadvisor', ['metrics']],
    ['GET', '/metrics/probes', ['metrics']],
    ['GET', '/containerLogs/default/web/app', ['proxy']],
    ['POST', '/run/default/web/app?cmd=true', ['proxy']],
  ]
  for (const [method, path, allowed] of paths) {
    it(`serves ${path} to those who may, and to nobody else`, async () => {
      for (const [name, tls] of Object.entries(users)) {
        const { status, text } = await ask(path, tls, method)
        const expected = allowed.includes(name as keyof typeof users) ? 200 : 403
        assert.equal(status, expected, `${name}: ${text}`)
      }
      for (const tls of [{}, clientOf('proxy', stranger)]) {
        assert.equal((await ask(path, tls, method)).status, 401)
      }
    })
  }

  for (const path of ['/exec/default/web/app', '/attach/default/web/app', '/portForward/default/web']) {
    it(`refuses ${path} to those who may not`, async () => {
      assert.equal((await ask(path, users.stats, 'POST')).status, 403)
      assert.equal((await ask(path, {}, 'POST')).status, 401)
    })
  }

  it('writes JSON as Go does', async () => {
    assert.match((await ask('/pods', users.pods)).text, /^\{"kind":"PodList","apiVersion":"v1",[^\n]*\}\n$/)
    assert.match((await ask('/configz', users.configz)).text, /^\{"kubeletconfig":[^\n]*\}$/)
    assert.match(
      (await ask('/stats/summary', users.stats)).text,
      /^\{\n "node": \{\n {2}"nodeName": "node-1",\n[^]*\n\}$/,
    )
  })

  it('makes no checkpoints', async () => {
    assert.equal((await ask('/checkpoint/default/web/app', users.proxy, 'POST')).status, 403)
  })

  it('tells usage as cAdvisor does', async () => {
    const { text } = await ask('/metrics/cadvisor', users.metrics)
    const pod = await kubelet.waitFor('web', () => true)
    const of = (name: string) => text.split('\n').filter((line) => line.startsWith(`${name}{`))
    const cgroup = `/kubepods/burstable/pod${pod.metadata?.uid}`
    const working = of('container_memory_working_set_bytes')
    assert.equal(working.length, 2)
    assert.ok(working[0]?.startsWith(`container_memory_working_set_bytes{container="",id="${cgroup}"`))
    assert.match(working[1] ?? '', /container="app".*image="k8ts\.test\/busybox:1".*pod="web"/)
    assert.match(of('container_cpu_usage_seconds_total')[1] ?? '', /cpu="total"/)
    assert.match(of('container_spec_memory_limit_bytes')[0] ?? '', / 67108864$/)
    assert.match(of('container_spec_cpu_quota')[0] ?? '', / 20000$/)
    assert.match(text, /^machine_cpu_cores \d+$/m)
  })

  it('counts probes, and forgets those of pods that have gone', async () => {
    const text = async () => (await ask('/metrics/probes', users.metrics)).text
    assert.match(
      await text(),
      /^prober_probe_total\{probe_type="Liveness",result="successful",container="app",pod="web",namespace="default",pod_uid="[^"]+"\} [1-9]/m,
    )
    await kubelet.client.create(
      pods,
      aPod('brief', {
        containers: [
          aContainer('app', { readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 } }),
        ],
      }),
    )
    await kubelet.waitFor('brief', ({ status }) => status?.containerStatuses?.[0]?.ready === true)
    assert.match(await text(), /pod="brief"/)
    await kubelet.client.delete(pods, { namespace: 'default', name: 'brief' }, { gracePeriodSeconds: 0 })
    await kubelet.waitGone('brief')
    // The kubelet lets go of the pod just behind the API server.
    for (let tries = 0; tries < 100 && /pod="brief"/.test(await text()); tries++);
    assert.doesNotMatch(await text(), /prober_probe_total.*pod="brief"/)
  })
})

/** Answers access reviews as the API server would. */
function answerReviews({ client }: KubeletHarness): void {
  const { create } = client
  Object.assign(client, {
    async create(resource: unknown, object: SubjectAccessReview, ...rest: unknown[]) {
      if (resource !== subjectAccessReviews) return Reflect.apply(create, client, [resource, object, ...rest])
      const { user, resourceAttributes } = object.spec
      assert.equal(resourceAttributes?.name, 'node-1')
      return { ...object, status: { allowed: user === resourceAttributes?.subresource } }
    },
  })
}

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { limitRanges } from '../../api/generated/resources.ts'
import { isAbout } from '../admission/request-matching.ts'
import { refused } from '../admission/refuse.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { countDecisions } from '../authorization/count-decisions.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const path = '/api/v1/namespaces/default/limitranges'

/** Decides by the resource that is asked for. */
const decides: Authorizer = {
  name: 'by-resource',
  isLocal: true,
  authorize({ resource }) {
    if (resource === 'secrets') return { type: 'deny', reason: '' }
    if (resource === 'pods') return { type: 'noOpinion', reason: '' }
    if (resource === 'nodes') return { type: 'noOpinion', reason: '', error: new Error('unreachable') }
    return { type: 'allow', reason: '' }
  },
}

let testServer: TestServer
let client: HttpsClient
before(async () => {
  testServer = await startTestServer({
    authorizer: decides,
    user: { name: 'jane@example.com', groups: [] },
    admission: [
      {
        name: 'Picky',
        handles: (request) => isAbout(request, limitRanges, ['CREATE']),
        mutate: () => {},
        validate(request) {
          if (request.name === 'bad') throw refused(request, 'bad')
        },
      },
    ],
  })
  client = new HttpsClient(testServer)
})
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

test('who asks, whether they may, and what admission says are counted', async () => {
  const post = (name: string) => client.send(path, { method: 'POST', body: { metadata: { name } } })
  await post('good')
  await post('bad')
  for (const resource of ['secrets', 'pods', 'nodes']) await client.send(`/api/v1/${resource}`)
  await client.send('/api/v1/configmaps', { headers: { authorization: 'Bearer wrong' } })
  const { text } = await client.send('/metrics')
  const lines = new Set(text.split('\n'))
  for (const line of [
    // Those above, and the one for the metrics.
    'authenticated_user_requests{username="email_id"} 6',
    'authentication_attempts{result="success"} 6',
    'authentication_attempts{result="error"} 1',
    'authentication_duration_seconds_count{result="success"} 6',
    'authorization_attempts_total{result="allowed"} 3',
    'authorization_attempts_total{result="denied"} 1',
    'authorization_attempts_total{result="no-opinion"} 1',
    'authorization_attempts_total{result="error"} 1',
    'authorization_duration_seconds_count{result="allowed"} 3',
    'apiserver_admission_controller_admission_duration_seconds_count{name="Picky",type="admit",operation="CREATE",rejected="false"} 2',
    'apiserver_admission_controller_admission_duration_seconds_count{name="Picky",type="validate",operation="CREATE",rejected="false"} 1',
    'apiserver_admission_controller_admission_duration_seconds_count{name="Picky",type="validate",operation="CREATE",rejected="true"} 1',
    'apiserver_admission_step_admission_duration_seconds_count{type="validate",operation="CREATE",rejected="true"} 1',
  ]) {
    assert.ok(
      lines.has(line),
      `${line} not in\n${text.match(/^(auth|apiserver_admission).*(total|count|attempts|requests)\{.*$/gm)?.join('\n')}`,
    )
  }
})

test('authorisers count what they decide, not that they have no opinion', async () => {
  const metrics = createMetrics()
  const counted = countDecisions(metrics, { type: 'RBAC' }, decides)
  const waiting = countDecisions(
    metrics,
    { type: 'Webhook', name: 'far' },
    { ...decides, authorize: async (attributes) => decides.authorize(attributes) },
  )
  for (const resource of ['secrets', 'pods', 'configmaps']) {
    for (const authorizer of [counted, waiting]) {
      await authorizer.authorize({ resource } as Parameters<Authorizer['authorize']>[0])
    }
  }
  const samples = metrics.text().match(/^apiserver_authorization.*$/gm)
  assert.deepEqual(samples?.sort(), [
    'apiserver_authorization_decisions_total{type="RBAC",name="rbac",decision="allowed"} 1',
    'apiserver_authorization_decisions_total{type="RBAC",name="rbac",decision="denied"} 1',
    'apiserver_authorization_decisions_total{type="Webhook",name="far",decision="allowed"} 1',
    'apiserver_authorization_decisions_total{type="Webhook",name="far",decision="denied"} 1',
  ])
})

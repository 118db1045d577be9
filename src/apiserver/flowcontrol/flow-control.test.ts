import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol.v1.ts'
import { flowSchemas, priorityLevelConfigurations } from '../../api/generated/resources.ts'
import type { User } from '../authentication/authenticator.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, testToken } from '../testing/test-server.ts'

const somebody: User = { name: 'somebody', groups: ['system:authenticated'] }

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

/** Holds requests for secrets until it is told to let them go. */
function holding() {
  const waiting: (() => void)[] = []
  const authorizer: Authorizer = {
    name: 'holding',
    async authorize({ resource }) {
      if (resource === 'secrets') await new Promise<void>((resolve) => waiting.push(resolve))
      return { type: 'allow', reason: '' }
    },
  }
  return { authorizer, held: () => waiting.length, letGo: () => waiting.splice(0).forEach((go) => go()) }
}

test('a server has the mandatory and the suggested configuration, and says what each request matched', async () => {
  await using testServer = await startTestServer({ user: somebody })
  const client = new HttpsClient(testServer)
  const names = async (resource: string) => {
    const { text } = await client.send(`/apis/flowcontrol.apiserver.k8s.io/v1/${resource}`)
    const { items } = JSON.parse(text) as { items: (FlowSchema & PriorityLevelConfiguration)[] }
    return items.map(({ metadata }) => metadata?.name)
  }
  assert.equal((await names('flowschemas')).length, 11)
  assert.deepEqual(await names('prioritylevelconfigurations'), [
    'catch-all',
    'exempt',
    'global-default',
    'leader-election',
    'node-high',
    'system',
    'workload-high',
    'workload-low',
  ])
  const { objects } = testServer.server
  await until(() => objects.get(flowSchemas, { name: 'probes' })?.status?.conditions?.length === 1)
  const answer = await client.send('/api/v1/namespaces/missing')
  assert.equal(answer.status, 404)
  const uid = (resource: typeof flowSchemas | typeof priorityLevelConfigurations) =>
    objects.get(resource as typeof flowSchemas, { name: 'global-default' })?.metadata?.uid
  assert.equal(answer.headers['x-kubernetes-pf-flowschema-uid'], uid(flowSchemas))
  assert.equal(answer.headers['x-kubernetes-pf-prioritylevel-uid'], uid(priorityLevelConfigurations))
  client.close()
})

test('configuration that was changed is put right, unless an administrator keeps it', async () => {
  await using testServer = await startTestServer()
  const { ensureFlowControlConfiguration } = await import('./ensure-configuration.ts')
  const { objects } = testServer.server
  const setShares = (name: string, autoUpdate: string | undefined) =>
    objects.change(priorityLevelConfigurations, { name }, (level) => {
      level.spec!.limited!.nominalConcurrencyShares = 77
      level.metadata!.annotations = autoUpdate ? { 'apf.kubernetes.io/autoupdate-spec': autoUpdate } : {}
    })
  await setShares('system', 'true')
  await setShares('workload-low', 'false')
  await setShares('node-high', undefined)
  await objects.delete(flowSchemas, { name: 'catch-all' })
  await objects.create(flowSchemas, {
    metadata: { name: 'old', annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } },
    spec: { priorityLevelConfiguration: { name: 'system' } },
  })
  await ensureFlowControlConfiguration(objects)
  const shares = (name: string) =>
    objects.get(priorityLevelConfigurations, { name })?.spec?.limited?.nominalConcurrencyShares
  assert.deepEqual(['system', 'workload-low', 'node-high'].map(shares), [30, 77, 77])
  assert.ok(objects.get(flowSchemas, { name: 'catch-all' }))
  assert.equal(objects.get(flowSchemas, { name: 'old' }), undefined)
})

test('a flow schema says whether its level is there', async () => {
  await using testServer = await startTestServer()
  const { objects } = testServer.server
  const condition = () => objects.get(flowSchemas, { name: 'own' })?.status?.conditions?.[0]
  await objects.create(flowSchemas, {
    metadata: { name: 'own' },
    spec: { priorityLevelConfiguration: { name: 'later' } },
  })
  await until(() => condition()?.status === 'True')
  assert.equal(
    condition()?.message,
    'This FlowSchema references the PriorityLevelConfiguration object named "later" but there is no such object',
  )
  await objects.create(priorityLevelConfigurations, {
    metadata: { name: 'later' },
    spec: {
      type: 'Limited',
      limited: { nominalConcurrencyShares: 1, limitResponse: { type: 'Reject' } },
    },
  })
  await until(() => condition()?.status === 'False')
  assert.equal(condition()?.reason, 'Found')
})

test('requests wait for their turn, and those for which there is no room are told when to come back', async () => {
  const hold = holding()
  await using testServer = await startTestServer({ authorizer: hold.authorizer, user: somebody })
  const { objects } = testServer.server
  await objects.create(priorityLevelConfigurations, {
    metadata: { name: 'narrow' },
    spec: {
      type: 'Limited',
      limited: {
        nominalConcurrencyShares: 1,
        borrowingLimitPercent: 0,
        lendablePercent: 0,
        limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit: 1 } },
      },
    },
  })
  await objects.create(flowSchemas, {
    metadata: { name: 'narrow' },
    spec: {
      priorityLevelConfiguration: { name: 'narrow' },
      matchingPrecedence: 50,
      rules: [
        {
          subjects: [{ kind: 'User', user: { name: 'somebody' } }],
          resourceRules: [
            { verbs: ['*'], apiGroups: ['*'], resources: ['secrets'], namespaces: ['*'], clusterScope: true },
          ],
        },
      ],
    },
  })
  const client = new HttpsClient(testServer)
  const limit = async () =>
    (await client.send('/metrics')).text.match(/nominal_limit_seats\{priority_level="narrow"\} (\d+)/)?.[1]
  const seats = Number(await limit())
  assert.ok(seats >= 1 && seats < 10)
  const sent = Array.from({ length: seats + 1 }, () => client.send('/api/v1/namespaces/default/secrets'))
  await until(() => hold.held() === seats)
  await until(async () =>
    (await client.send('/metrics')).text.includes(
      'apiserver_flowcontrol_current_inqueue_requests{priority_level="narrow",flow_schema="narrow"} 1',
    ),
  )
  const refused = await client.send('/api/v1/namespaces/default/secrets')
  assert.equal(refused.status, 429)
  assert.equal(refused.headers['retry-after'], '1')
  assert.equal(refused.text, 'Too many requests, please try again later.\n')
  const dump = await client.send('/debug/api_priority_and_fairness/dump_priority_levels')
  assert.match(
    dump.text,
    new RegExp(`^narrow, +1, +false, +false, +1, +${seats}, +${seats}, +1, +0, +0$`, 'm'),
  )
  const requests = await client.send('/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1')
  assert.match(requests.text, /^narrow, +narrow, +0, +0, .*somebody, +list, +\/api\/v1\/namespaces\/default/m)
  // Others are not concerned.
  assert.equal((await client.send('/api/v1/namespaces')).status, 200)
  hold.letGo()
  await until(() => hold.held() === 1)
  hold.letGo()
  assert.ok((await Promise.all(sent)).every(({ status }) => status === 200))
  client.close()
  assert.ok(testToken)
})

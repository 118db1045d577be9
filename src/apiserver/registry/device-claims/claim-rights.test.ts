import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Namespace } from '../../../api/generated/core.v1.ts'
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  ResourceClaim,
  ResourceClaimStatus,
} from '../../../api/generated/resource.v1.ts'
import { namespaces, resourceClaims, resourceClaimTemplates } from '../../../api/generated/resources.ts'
import type { StatusError } from '../../../machinery/status.ts'
import type { Attributes } from '../../authorization/authorizer.ts'
import { TestRequests } from '../../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

const driver = 'd.example'
const account = 'system:serviceaccount:kube-system:driver'
const onNode = { 'authentication.kubernetes.io/node-name': ['n1'] }
const synthetic = ['binding', 'driver']
const asked: string[] = []
let allowed: readonly string[] = []

function questionOf({ verb, subresource, namespace, name }: Attributes): string {
  return [verb, subresource, namespace, name].join(' ')
}

describe('claims of devices', () => {
  let test_: TestServer
  let namespace: string
  let count = 0

  before(async () => {
    test_ = await startTestServer({
      authorizer: {
        name: 'test',
        authorize(attributes) {
          if (!synthetic.includes(attributes.subresource)) return { type: 'allow', reason: '' }
          asked.push(questionOf(attributes))
          return allowed.includes(questionOf(attributes))
            ? { type: 'allow', reason: '' }
            : { type: 'noOpinion', reason: 'no rule' }
        },
      },
    })
  })
  after(() => test_[Symbol.asyncDispose]())
  beforeEach(async () => {
    namespace = await aNamespace({})
    asked.length = 0
    allowed = []
  })

  const requests = (extra?: Record<string, readonly string[]>) =>
    new TestRequests(test_.server, { name: account, groups: [], ...(extra && { extra }) })

  async function aNamespace(labels: Record<string, string>): Promise<string> {
    const { metadata } = await requests().create(namespaces, {
      metadata: { name: `claims-${++count}`, labels },
    } satisfies Namespace)
    return metadata!.name!
  }

  const adminSpec = {
    devices: {
      requests: [
        { name: 'a', exactly: { deviceClassName: 'c', adminAccess: false } },
        { name: 'b', exactly: { deviceClassName: 'c', adminAccess: true } },
      ],
    },
  }
  const notAdmin = (what: string) =>
    `${what}: Forbidden: admin access to devices requires the \`resource.kubernetes.io/admin-access: true\` label on the containing namespace`

  /** The faults in a refusal. */
  async function faultsOf(write: Promise<unknown>): Promise<string[]> {
    let refusal: StatusError | undefined
    await write.catch((error: unknown) => (refusal = error as StatusError))
    const { code, details } = refusal?.status ?? {}
    if (refusal) assert.equal(code, 422, refusal.message)
    return (details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`)
  }

  test('are for administrators only where the namespace says so', async () => {
    const labelled = await aNamespace({ 'resource.kubernetes.io/admin-access': 'true' })
    const claimIn = (where: string) => ({ metadata: { name: 'c', namespace: where }, spec: adminSpec })
    const templateIn = (where: string) => ({
      metadata: { name: 't', namespace: where },
      spec: { spec: adminSpec },
    })
    const wanted = [notAdmin('spec.devices.requests[1].adminAccess')]
    assert.deepEqual(await faultsOf(requests().create(resourceClaims, claimIn(namespace))), wanted)
    assert.deepEqual(await faultsOf(requests().create(resourceClaimTemplates, templateIn(namespace))), wanted)
    assert.deepEqual(await faultsOf(requests().create(resourceClaims, claimIn(labelled))), [])
    assert.deepEqual(await faultsOf(requests().create(resourceClaimTemplates, templateIn(labelled))), [])
  })

  async function writeStatus(
    status: ResourceClaimStatus,
    extra?: Record<string, readonly string[]>,
  ): Promise<string[]> {
    const name = { namespace, name: 'c' }
    const latest = await requests().get(resourceClaims, name)
    return faultsOf(requests(extra).update(resourceClaims, { ...latest, status }, 'status'))
  }

  async function aClaim(): Promise<ResourceClaim> {
    const spec = { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } }
    return requests().create(resourceClaims, { metadata: { name: 'c', namespace }, spec })
  }

  const allocation = (more: object = {}): AllocationResult => ({
    devices: { results: [{ request: 'r', driver, pool: 'p', device: 'g', ...more }] },
    nodeSelector: {
      nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }],
    },
  })
  const said = (more: object = {}): AllocatedDeviceStatus => ({ driver, pool: 'p', device: 'g', ...more })
  const binding = 'update binding  '

  test('are allocated by those who have the right to', async () => {
    await aClaim()
    assert.deepEqual(await writeStatus({ allocation: allocation() }), [
      `status: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: resourceclaims.resource.k8s.io is forbidden: User "${account}" cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope: no rule`,
    ])
    allowed = [binding]
    assert.deepEqual(await writeStatus({ allocation: allocation() }), [])
    assert.deepEqual(await writeStatus({ allocation: allocation() }), [])
    assert.deepEqual(asked, [binding, binding])
  })

  test('are allocated for administrators only where the namespace says so', async () => {
    await aClaim()
    allowed = [binding]
    const status = { allocation: allocation({ adminAccess: true }) }
    assert.deepEqual(await writeStatus(status), [
      notAdmin('status.allocation.devices.results[0].adminAccess'),
    ])
  })

  test('have devices of which their drivers alone speak, and on the node with a right of its own', async () => {
    await aClaim()
    allowed = [binding]
    await writeStatus({ allocation: allocation() })
    const devices = [said({ networkData: { interfaceName: 'eth0' } })]
    const refused = (verbs: string, first: string) =>
      `status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[${verbs}]" permission: resourceclaims.resource.k8s.io "${driver}" is forbidden: User "${account}" cannot ${first} resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "${namespace}": no rule`
    const there = 'associated-node:update'
    const anywhere = 'arbitrary-node:update'
    asked.length = 0
    assert.deepEqual(await writeStatus({ allocation: allocation(), devices }), [refused(anywhere, anywhere)])
    assert.deepEqual(await writeStatus({ allocation: allocation(), devices }, onNode), [
      refused(`${there} ${anywhere}`, there),
    ])
    const question = (verb: string) => `${verb} driver ${namespace} ${driver}`
    assert.deepEqual(asked, [question(anywhere), question(there), question(anywhere)])
    allowed = [question(there)]
    assert.deepEqual(await writeStatus({ allocation: allocation(), devices }, onNode), [])
    allowed = [question(anywhere)]
    assert.deepEqual(await writeStatus({ allocation: allocation() }), [])
    assert.deepEqual(await writeStatus({ allocation: allocation(), devices }), [])
    allowed = [binding]
    assert.deepEqual(await writeStatus({}), [])
  })
})

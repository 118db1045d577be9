import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { namespaces, pods } from '../../../api/generated/resources.ts'
import { refusal, TestRequests } from '../../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let server: TestServer
let requests: TestRequests

describe('the resize of a pod', () => {
  before(async () => {
    server = await startTestServer()
    requests = new TestRequests(server.server)
  })
  after(() => server[Symbol.asyncDispose]())
  const small = { requests: { cpu: '5m' } }
  const spec = {
    nodeName: 'n',
    resources: { requests: { cpu: '50m' } },
    initContainers: [{ name: 'i', image: 'i', resources: small }],
    containers: [
      { name: 'c', image: 'i', resources: small },
      { name: 'd', image: 'i' },
    ],
  }
  let namespace: string
  let count = 0
  const name = () => ({ namespace, name: 'p' })
  const resize = (ops: readonly object[]) => requests.patch(pods, name(), ops, 'json', {}, 'resize')
  const set = (path: string, value: unknown) => ({ op: 'add', path: `/spec/${path}`, value })
  beforeEach(async () => {
    namespace = `test-${++count}`
    await requests.create(namespaces, { metadata: { name: namespace } })
    await requests.create(pods, { metadata: name(), spec })
  })

  test('changes what the pod as a whole and its containers have, init containers, too', async () => {
    const { spec: after } = await resize([
      set('resources/requests/cpu', '60m'),
      set('containers/0/resources/requests/cpu', '10m'),
      set('initContainers/0/resources/requests/cpu', '20m'),
    ])
    assert.deepEqual(after?.resources, { requests: { cpu: '60m' } })
    assert.deepEqual(after?.containers[0]?.resources, { requests: { cpu: '10m' } })
    assert.deepEqual(after?.initContainers?.[0]?.resources, { requests: { cpu: '20m' } })
  })

  const refusals: readonly (readonly [string, readonly object[]])[] = [
    [
      'spec.resources: Forbidden: pod-level resources cannot be removed',
      [{ op: 'remove', path: '/spec/resources' }],
    ],
    [
      'spec.resources.requests: Forbidden: pod-level resource requests cannot be removed',
      [set('resources/requests', { memory: '1Mi' })],
    ],
    [
      'spec: Forbidden: only cpu and memory resources are mutable at pod-level',
      [set('resources/requests/hugepages-2Mi', '2Mi'), set('resources/limits', { 'hugepages-2Mi': '2Mi' })],
    ],
    [
      'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing',
      [set('resources', { requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '1', memory: '1Gi' } })],
    ],
    [
      'spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed',
      [set('containers/0/resources/requests', {})],
    ],
    [
      'spec: Forbidden: only cpu and memory resources are mutable',
      [set('containers/0/resources/requests/ephemeral-storage', '1Mi')],
    ],
    [
      'spec.initContainers[0]: Forbidden: only cpu and memory resources for init or sidecar containers are mutable',
      [set('initContainers/0/resources/requests/ephemeral-storage', '1Mi')],
    ],
    [
      'spec.containers: Forbidden: containers may not be added or removed on resize',
      [{ op: 'remove', path: '/spec/containers/1' }],
    ],
    [
      'spec.containers[0].name: Forbidden: containers may not be renamed or reordered on resize',
      [set('containers/0/name', 'e')],
    ],
  ]
  for (const [words, ops] of refusals) {
    test(`is refused: ${words}`, async () => {
      assert.ok((await refusal(resize(ops))).includes(words), await refusal(resize(ops)))
    })
  }

  test('is refused on a node that does not tell what containers have', async () => {
    const running = { name: 'c', image: '', imageID: '', ready: true, restartCount: 0 }
    const containerStatuses = [{ ...running, state: { running: { startedAt: null } } }]
    await requests.patch(pods, name(), { status: { containerStatuses } }, 'merge', {}, 'status')
    assert.match(
      await refusal(resize([set('resources/requests/cpu', '60m')])),
      /spec: Forbidden: Pod running on node without support for resize/,
    )
  })
})

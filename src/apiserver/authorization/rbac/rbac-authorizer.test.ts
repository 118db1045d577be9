import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PolicyRule, Subject } from '../../../api/generated/rbac.v1.ts'
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../../api/generated/resources.ts'
import { memoryObjects, type MemoryObjects } from '../../admission/testing/memory-objects.ts'
import type { User } from '../../authentication/authenticator.ts'
import type { Attributes } from '../authorizer.ts'
import { reconcileBootstrapPolicy } from '../bootstrap-policy/reconcile-bootstrap-policy.ts'
import { forbidden } from '../forbidden.ts'
import { createRbacAuthorizer } from './rbac-authorizer.ts'

const jane: User = { name: 'jane', groups: ['dev', 'system:authenticated'] }
const builder: User = { name: 'system:serviceaccount:ci:builder', groups: ['system:serviceaccounts'] }
const apiGroup = 'rbac.authorization.k8s.io'

function asks(text: string, user: User = jane, name = ''): Attributes {
  const [verb = '', what = '', namespace = ''] = text.split(' ')
  if (what.startsWith('/')) {
    return { ...nothing, user, verb, isResourceRequest: false, path: what }
  }
  const [groupResource = '', subresource = ''] = what.split('/')
  const [resource = '', ...group] = groupResource.split('.')
  return { ...nothing, user, verb, resource, subresource, group: group.join('.'), namespace, name }
}

const nothing = {
  isResourceRequest: true,
  group: '',
  version: 'v1',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  path: '',
}

function grant(objects: MemoryObjects, rules: readonly PolicyRule[], subject: Subject, namespace = '') {
  if (namespace === '') {
    objects.put(clusterRoles, { metadata: { name: 'r' }, rules })
    objects.put(clusterRoleBindings, {
      metadata: { name: 'b' },
      subjects: [subject],
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'r' },
    })
  } else {
    objects.put(roles, { metadata: { name: 'r', namespace }, rules })
    objects.put(roleBindings, {
      metadata: { name: 'b', namespace },
      subjects: [subject],
      roleRef: { apiGroup, kind: 'Role', name: 'r' },
    })
  }
}

const user = (name: string): Subject => ({ kind: 'User', apiGroup, name })
const group = (name: string): Subject => ({ kind: 'Group', apiGroup, name })

describe('createRbacAuthorizer', () => {
  const table: readonly {
    readonly what: string
    readonly rules: readonly PolicyRule[]
    readonly allows: readonly string[]
    readonly refuses: readonly string[]
  }[] = [
    {
      what: 'plain rules',
      rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] }],
      allows: ['get pods a', 'list pods', 'list pods a'],
      refuses: ['watch pods a', 'get pods.apps a', 'get pods/log a', 'get secrets a', 'get /pods'],
    },
    {
      what: 'stars',
      rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
      allows: ['get pods a', 'delete deployments.apps', 'create pods/exec a', 'anything things.example.com'],
      refuses: ['get /healthz'],
    },
    {
      what: 'subresources',
      rules: [{ verbs: ['get'], apiGroups: ['', 'apps'], resources: ['*/scale', 'pods/log'] }],
      allows: ['get deployments.apps/scale a', 'get replicationcontrollers/scale a', 'get pods/log a'],
      refuses: ['get deployments.apps a', 'get pods a', 'get pods/exec a', 'get scale a'],
    },
    {
      what: 'paths',
      rules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/apis/*', '/logs*'] }],
      allows: ['get /healthz', 'get /apis/', 'get /apis/apps/v1', 'get /logs', 'get /logs/a'],
      refuses: ['get /healthz/', 'get /apis', 'post /healthz', 'get healthz', 'get /'],
    },
  ]
  for (const { what, rules, allows, refuses } of table) {
    it(`decides by ${what}`, async () => {
      const objects = memoryObjects()
      grant(objects, rules, group('dev'))
      const authorizer = createRbacAuthorizer(objects)
      for (const text of allows) assert.equal((await authorizer.authorize(asks(text))).type, 'allow', text)
      for (const text of refuses)
        assert.equal((await authorizer.authorize(asks(text))).type, 'noOpinion', text)
    })
  }

  it('limits rules to names', async () => {
    const objects = memoryObjects()
    grant(
      objects,
      [{ verbs: ['get', 'create'], apiGroups: [''], resources: ['secrets'], resourceNames: ['a'] }],
      user('jane'),
    )
    const authorizer = createRbacAuthorizer(objects)
    assert.equal((await authorizer.authorize(asks('get secrets n', jane, 'a'))).type, 'allow')
    assert.equal((await authorizer.authorize(asks('get secrets n', jane, 'b'))).type, 'noOpinion')
    assert.equal((await authorizer.authorize(asks('create secrets n', jane, ''))).type, 'noOpinion')
  })

  it('says by which binding it allows', async () => {
    const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }]
    const cluster = memoryObjects()
    grant(cluster, rules, group('dev'))
    assert.equal(
      (await createRbacAuthorizer(cluster).authorize(asks('get pods n'))).reason,
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to Group "dev"',
    )
    const local = memoryObjects()
    grant(local, rules, { kind: 'ServiceAccount', name: 'builder' }, 'ci')
    assert.equal(
      (await createRbacAuthorizer(local).authorize(asks('get pods ci', builder))).reason,
      'RBAC: allowed by RoleBinding "b/ci" of Role "r" to ServiceAccount "builder/ci"',
    )
    assert.equal(
      (await createRbacAuthorizer(local).authorize(asks('get pods other', builder))).type,
      'noOpinion',
    )
  })

  it('follows changes of roles and bindings at once', async () => {
    const objects = memoryObjects()
    const authorizer = createRbacAuthorizer(objects)
    const may = async (text: string) => (await authorizer.authorize(asks(text))).type === 'allow'
    assert.equal(await may('get pods n'), false)
    grant(objects, [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }], user('jane'), 'n')
    assert.equal(await may('get pods n'), true)
    grant(objects, [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }], user('jane'), 'n')
    assert.equal(await may('get pods n'), false)
    assert.equal(await may('list pods n'), true)
    grant(objects, [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }], user('joe'), 'n')
    assert.equal(await may('list pods n'), false)
    grant(objects, [{ verbs: ['list'], apiGroups: [''], resources: ['pods'] }], user('jane'), 'n')
    objects.remove(roleBindings, { namespace: 'n', name: 'b' })
    assert.equal(await may('list pods n'), false)
  })

  it('names the roles that are missing', async () => {
    const objects = memoryObjects()
    for (const [name, role] of [
      ['a', 'x'],
      ['b', 'x'],
      ['c', 'y'],
    ]) {
      objects.put(clusterRoleBindings, {
        metadata: { name: name! },
        subjects: [user('jane')],
        roleRef: { apiGroup, kind: 'ClusterRole', name: role! },
      })
    }
    const attributes = asks('list pods n')
    const decision = await createRbacAuthorizer(objects).authorize(attributes)
    assert.equal(
      forbidden(attributes, decision.reason).message,
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "n": RBAC: ' +
        '[clusterrole.rbac.authorization.k8s.io "x" not found, clusterrole.rbac.authorization.k8s.io "y" not found]',
    )
  })

  it('refuses within 50 µs, with all the roles of a cluster', async () => {
    const objects = memoryObjects()
    await reconcileBootstrapPolicy(objects)
    const authorizer = createRbacAuthorizer(objects)
    const attributes = asks('delete secrets default')
    const refuse = async () => forbidden(attributes, (await authorizer.authorize(attributes)).reason)
    const rounds = 2000
    for (let round = 0; round < rounds; round++) await refuse()
    const before = process.cpuUsage()
    for (let round = 0; round < rounds; round++) await refuse()
    const { user: userTime, system } = process.cpuUsage(before)
    assert.ok((userTime + system) / rounds < 50, `${(userTime + system) / rounds} µs`)
  })

  it('lists the rules of a user', () => {
    const objects = memoryObjects()
    const everywhere = [{ verbs: ['get'], apiGroups: [''], resources: ['nodes'] }]
    const here = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }]
    grant(objects, everywhere, group('dev'))
    grant(objects, here, user('jane'), 'n')
    const authorizer = createRbacAuthorizer(objects)
    assert.deepEqual(authorizer.rulesFor(jane, 'n').rules, [...everywhere, ...here])
    assert.deepEqual(authorizer.rulesFor(jane, 'm').rules, everywhere)
    assert.deepEqual(authorizer.rulesFor({ name: 'joe', groups: [] }, 'n').rules, [])
  })
})

describe('forbidden', () => {
  for (const [text, name, message] of [
    [
      'list pods default',
      '',
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      'get deployments.apps/scale default',
      'web',
      'deployments.apps "web" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" in the namespace "default"',
    ],
    [
      'list nodes',
      '',
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    ],
    ['get /metrics<a>', '', 'forbidden: User "jane" cannot get path "/metrics&lt;a&gt;"'],
  ] as const) {
    it(`words the refusal of ${text} as upstream`, () => {
      const error = forbidden(asks(text, jane, name), '')
      assert.equal(error.message, message)
      assert.equal(error.status.code, 403)
    })
  }
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics } from '../../../machinery/metrics.ts'
import { fakeClock } from '../../../machinery/testing/fake-clock.ts'
import type { Attributes, Authorizer } from '../../authorization/authorizer.ts'
import type { User } from '../authenticator.ts'
import { Impersonation, type Impersonated } from './impersonate.ts'
import { ImpersonationMetrics } from './impersonation-metrics.ts'
import { wantedUser } from './wanted-user.ts'

const requestor: User = { name: 'jane', groups: ['system:authenticated'] }
const agent: User = {
  name: 'system:serviceaccount:kube-system:agent',
  groups: ['system:serviceaccounts'],
  extra: { 'authentication.kubernetes.io/node-name': ['node-1'] },
}

/** Allows what is listed as `verb group/resource[/subresource] [namespace/]name`, and writes down what it was asked. */
function allowing(...allowed: readonly string[]): Authorizer & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    name: 'list',
    asked,
    authorize({ verb, group, resource, subresource, namespace, name }) {
      const what = subresource === '' ? resource : `${resource}/${subresource}`
      const text = `${verb} ${group}/${what} ${namespace === '' ? '' : `${namespace}/`}${name}`
      asked.push(text)
      return allowed.includes(text) ? { type: 'allow', reason: '' } : { type: 'noOpinion', reason: 'no' }
    },
  }
}

function anImpersonation(authorizer: Authorizer) {
  const metrics = createMetrics()
  const options = { authorizer, metrics: new ImpersonationMetrics(metrics, fakeClock()) }
  return { metrics, impersonation: new Impersonation(options) }
}

function impersonate(authorizer: Authorizer, attributes: Attributes, wanted: User): Promise<Impersonated> {
  return anImpersonation(authorizer).impersonation.impersonate(attributes, wanted)
}

const listPods = (user: User): Attributes => ({
  user,
  verb: 'list',
  isResourceRequest: true,
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'n',
  name: '',
  path: '',
})
const user = (name: string, rest: Partial<User> = {}): User => ({ name, groups: [], ...rest })

describe('wantedUser', () => {
  it('reads the headers', () => {
    assert.equal(wantedUser({ headers: {} }), undefined)
    assert.deepEqual(
      wantedUser({
        headers: {
          'impersonate-user': 'joe',
          'impersonate-uid': 'u',
          'impersonate-group': ['a', 'b,c'],
          'impersonate-extra-example.com%2fscopes': ['x', 'y'],
        },
      }),
      { name: 'joe', uid: 'u', groups: ['a', 'b,c'], extra: { 'example.com/scopes': ['x', 'y'] } },
    )
  })

  it('refuses groups without a user', () => {
    assert.throws(() => wantedUser({ headers: { 'impersonate-group': ['a'] } }), {
      message:
        'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)} without impersonating a user name',
    })
  })
})

describe('Impersonation', () => {
  const rows: readonly {
    readonly what: string
    readonly allowed: readonly string[]
    readonly wanted: User
    readonly by?: User
    readonly becomes: User
    readonly constraint: string
  }[] = [
    {
      what: 'a user by the plain right',
      allowed: ['impersonate /users joe'],
      wanted: user('joe'),
      becomes: user('joe', { groups: ['system:authenticated'] }),
      constraint: '',
    },
    {
      what: 'a user with groups, uid and extra',
      allowed: [
        'impersonate /users joe',
        'impersonate /groups a',
        'impersonate authentication.k8s.io/uids u',
        'impersonate authentication.k8s.io/userextras/scopes x',
      ],
      wanted: user('joe', { groups: ['a'], uid: 'u', extra: { scopes: ['x'] } }),
      becomes: user('joe', { groups: ['a', 'system:authenticated'], uid: 'u', extra: { scopes: ['x'] } }),
      constraint: '',
    },
    {
      what: 'a service account with its groups',
      allowed: ['impersonate /serviceaccounts ci/builder'],
      wanted: user('system:serviceaccount:ci:builder'),
      becomes: user('system:serviceaccount:ci:builder', {
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated'],
      }),
      constraint: '',
    },
    {
      what: 'nobody',
      allowed: ['impersonate /users system:anonymous'],
      wanted: user('system:anonymous'),
      becomes: user('system:anonymous', { groups: ['system:unauthenticated'] }),
      constraint: '',
    },
    {
      what: 'a user by the constrained right',
      allowed: [
        'impersonate-on:user-info:list /pods n/',
        'impersonate:user-info authentication.k8s.io/users joe',
      ],
      wanted: user('joe'),
      becomes: user('joe', { groups: ['system:authenticated'] }),
      constraint: 'impersonate:user-info',
    },
    {
      what: 'the node it runs on',
      by: agent,
      allowed: [
        'impersonate-on:associated-node:list /pods n/',
        'impersonate:associated-node authentication.k8s.io/nodes *',
      ],
      wanted: user('system:node:node-1'),
      becomes: user('system:node:node-1', { groups: ['system:nodes', 'system:authenticated'] }),
      constraint: 'impersonate:associated-node',
    },
    {
      what: 'any node',
      allowed: [
        'impersonate-on:arbitrary-node:list /pods n/',
        'impersonate:arbitrary-node authentication.k8s.io/nodes node-2',
      ],
      wanted: user('system:node:node-2'),
      becomes: user('system:node:node-2', { groups: ['system:nodes', 'system:authenticated'] }),
      constraint: 'impersonate:arbitrary-node',
    },
  ]
  for (const { what, allowed, wanted, by = requestor, becomes, constraint } of rows) {
    it(`makes the request one of ${what}`, async () => {
      const impersonated = await impersonate(allowing(...allowed), listPods(by), wanted)
      assert.deepEqual(impersonated, { user: becomes, constraint })
    })
  }

  it('refuses another node than the own', async () => {
    const authorizer = allowing(
      'impersonate-on:associated-node:list /pods n/',
      'impersonate:associated-node authentication.k8s.io/nodes *',
    )
    await assert.rejects(impersonate(authorizer, listPods(agent), user('system:node:node-2')))
  })

  it('refuses system:masters by the constrained right', async () => {
    const authorizer = allowing(
      'impersonate-on:user-info:list /pods n/',
      'impersonate:user-info authentication.k8s.io/users joe',
      'impersonate:user-info authentication.k8s.io/groups system:masters',
    )
    await assert.rejects(
      impersonate(authorizer, listPods(requestor), user('joe', { groups: ['system:masters'] })),
      {
        message:
          'groups.authentication.k8s.io "system:masters" is forbidden: User "jane" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed',
      },
    )
  })

  it('says what was refused first', async () => {
    await assert.rejects(impersonate(allowing(), listPods(requestor), user('joe')), {
      message:
        'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "n": no',
    })
  })

  it('asks first what was open the last time, and counts what it asks', async () => {
    const authorizer = allowing('impersonate /users joe')
    const { impersonation, metrics } = anImpersonation(authorizer)
    await impersonation.impersonate(listPods(requestor), user('joe'))
    assert.equal(authorizer.asked.length, 2)
    await impersonation.impersonate(listPods(requestor), user('joe'))
    assert.deepEqual(authorizer.asked.slice(2), ['impersonate /users joe'])
    await assert.rejects(impersonation.impersonate(listPods(requestor), user('ann')), {
      message: /^users "ann" is forbidden: User "jane" cannot impersonate resource "users"/,
    })
    const text = metrics.text()
    for (const line of [
      'attempts_total{mode="legacy",decision="allowed"} 2',
      'attempts_total{mode="",decision="denied"} 1',
      'authorization_attempts_total{mode="user-info",decision="denied"} 2',
      'authorization_attempts_total{mode="legacy",decision="allowed"} 2',
      'attempts_duration_seconds_count{mode="legacy",decision="allowed"} 2',
    ]) {
      assert.ok(text.includes(`apiserver_impersonation_${line}\n`), line)
    }
  })

  it('says what kept an authoriser from an answer', async () => {
    const broken: Authorizer = {
      name: 'broken',
      authorize: () => ({ type: 'noOpinion', reason: 'no', error: new Error('it is down') }),
    }
    await assert.rejects(impersonate(broken, listPods(requestor), user('joe')), {
      message: /in the namespace "n": it is down: no$/,
    })
  })

  it('names every fault of a key of extra', async () => {
    const authorizer = allowing(
      'impersonate-on:user-info:list /pods n/',
      'impersonate:user-info authentication.k8s.io/users joe',
    )
    const wanted = user('joe', { extra: { 'Example/a b': ['x'] } })
    await assert.rejects(impersonate(authorizer, listPods(requestor), wanted), {
      message:
        /: impersonating an invalid key in extra is not allowed: \[extra\.key: Invalid value: "Example": a lowercase RFC 1123 subdomain .*, extra\.key: Invalid value: "a b": Invalid path /,
    })
  })
})

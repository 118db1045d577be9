import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TokenRequest, TokenReview } from '../../../src/api/generated/authentication.v1.ts'
import type {
  LocalSubjectAccessReview,
  SubjectAccessReview,
} from '../../../src/api/generated/authorization.v1.ts'
import {
  configMaps,
  localSubjectAccessReviews,
  pods,
  roleBindings,
  roles,
  serviceAccounts,
  subjectAccessReviews,
  tokenReviews,
} from '../../../src/api/generated/resources.ts'
import { isForbidden } from '../../../src/machinery/status-errors.ts'
import { aPod } from '../harness/objects.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'
import { untilObject } from '../harness/until-object.ts'

describe('service accounts', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  it('are mounted into pods unless the pod, or else the account, opts out', async () => {
    const { client, namespace } = await cluster.scope()
    const choices = [undefined, true, false] as const
    for (const ofAccount of choices) {
      const account = `account-${ofAccount}`
      const automount = ofAccount === undefined ? {} : { automountServiceAccountToken: ofAccount }
      await client.create(serviceAccounts, { metadata: { namespace, name: account }, ...automount })
      for (const ofPod of choices) {
        const spec = {
          serviceAccountName: account,
          ...(ofPod !== undefined && { automountServiceAccountToken: ofPod }),
        }
        const pod = await client.create(pods, aPod(namespace, `pod-${ofAccount}-${ofPod}`, spec))
        const mounts = pod.spec?.containers[0]?.volumeMounts?.map(({ mountPath }) => mountPath) ?? []
        const expected = (ofPod ?? ofAccount ?? true) ? ['/var/run/secrets/kubernetes.io/serviceaccount'] : []
        assert.deepEqual(mounts, expected, `account ${ofAccount}, pod ${ofPod}`)
      }
    }
  })

  it('find the authority of the cluster in every namespace, whatever happens to it', async () => {
    const { client, cluster: whole, namespace } = await cluster.scope()
    const name = { namespace, name: 'kube-root-ca.crt' }
    const made = await untilObject(client, configMaps, name, () => true)
    assert.equal(made.data?.['ca.crt'], whole.certificateAuthority)
    await client.delete(configMaps, name)
    await untilObject(client, configMaps, name, ({ metadata }) => metadata?.uid !== made.metadata?.uid)
    await client.patch(configMaps, name, { type: 'merge', body: { data: { 'ca.crt': null, other: 'x' } } })
    const mended = await untilObject(client, configMaps, name, ({ data }) => data?.['ca.crt'] !== undefined)
    assert.deepEqual(mended.data, { 'ca.crt': whole.certificateAuthority })
  })

  it('have an issuer whose keys are published, and which is in their tokens', async () => {
    const { client, api, namespace } = await cluster.scope()
    const name = { namespace, name: 'default' }
    const body: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [] },
    }
    const { status } = await client.createSubresource<TokenRequest>(serviceAccounts, name, 'token', body)
    const [header, claims] = status!
      .token!.split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))
    const configuration = (await api('GET', '/.well-known/openid-configuration')).json
    assert.equal(claims.iss, configuration.issuer)
    assert.equal(claims.sub, `system:serviceaccount:${namespace}:default`)
    assert.equal(new URL(configuration.jwks_uri).pathname, '/openid/v1/jwks')
    assert.ok(configuration.id_token_signing_alg_values_supported.includes(header.alg))
    const { keys } = (await api('GET', '/openid/v1/jwks')).json
    assert.ok(keys.some(({ kid }: { kid: string }) => kid === header.kid))
  })
})

describe('tokens of service accounts', () => {
  const cluster = sharedCluster()

  it('are known by a review, with whose they are', async () => {
    const { client, namespace } = await cluster.scope()
    const name = { namespace, name: 'someone' }
    const { metadata } = await client.create(serviceAccounts, { metadata: name })
    const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: [] } }
    const { status } = await client.createSubresource<TokenRequest>(serviceAccounts, name, 'token', request)
    const token = status?.token
    assert.ok(token)
    const review: TokenReview = await client.create(tokenReviews, { spec: { token } })
    assert.equal(review.status?.authenticated, true)
    assert.equal(review.status.error, undefined)
    const { user } = review.status
    assert.equal(user?.username, `system:serviceaccount:${namespace}:someone`)
    assert.equal(user.uid, metadata?.uid)
    assert.ok(user.groups?.includes(`system:serviceaccounts:${namespace}`))
  })
})

describe('subject access reviews', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('tell what then holds of the account itself', async () => {
    const { client, cluster: whole, namespace } = await cluster.scope()
    await client.create(serviceAccounts, { metadata: { namespace, name: 'someone' } })
    const user = `system:serviceaccount:${namespace}:someone`
    const groups = ['system:authenticated', 'system:serviceaccounts', `system:serviceaccounts:${namespace}`]
    const someone = whole.clientAs(user, groups)
    const spec = { user, resourceAttributes: { namespace, verb: 'list', resource: 'configmaps' } }
    const review = async () => {
      const wide: SubjectAccessReview = await client.create(subjectAccessReviews, { spec })
      const local: LocalSubjectAccessReview = await client.create(localSubjectAccessReviews, {
        metadata: { namespace },
        spec,
      })
      return [wide.status?.allowed, local.status?.allowed]
    }
    assert.deepEqual(await review(), [false, false])
    await assert.rejects(someone.list(configMaps, { namespace }), isForbidden)

    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['list'] }]
    await client.create(roles, { metadata: { namespace, name: 'lister' }, rules })
    await client.create(roleBindings, {
      metadata: { namespace, name: 'lister' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'lister' },
      subjects: [{ kind: 'ServiceAccount', namespace, name: 'someone' }],
    })
    while (!(await review())[0]);
    assert.deepEqual(await review(), [true, true])
    await someone.list(configMaps, { namespace })
  })
})

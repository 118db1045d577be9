import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readAuthorizationConfiguration } from './authorization-configuration.ts'
import { checkSameTypes } from './check-same-types.ts'

const read = (...authorizers: readonly object[]) =>
  readAuthorizationConfiguration(
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'AuthorizationConfiguration',
      authorizers,
    }),
  )

describe('readAuthorizationConfiguration', () => {
  it('lets nothing but webhooks have names of their own', () => {
    assert.throws(() => read({ type: 'RBAC', name: 'roles' }), {
      message: 'expected name rbac for authorizer RBAC instead of roles',
    })
  })

  it('shows durations as Go does', () => {
    const webhook = {
      timeout: '61s',
      authorizedTTL: '-90s',
      subjectAccessReviewVersion: 'v1',
      failurePolicy: 'Deny',
      connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/dev' },
    }
    assert.throws(() => read({ type: 'Webhook', name: 'x', webhook }), {
      message: [
        'authorizers[0].timeout: Invalid value: "1m1s": must be > 0s and <= 30s',
        'authorizers[0].authorizedTTL: Invalid value: "-1m30s": must be > 0s',
        'authorizers[0].connectionInfo.kubeConfigFile: Invalid value: "/dev": must be a regular file',
      ].join('\n'),
    })
  })
})

describe('checkSameTypes', () => {
  const node = { type: 'Node', name: 'node' } as const
  const rbac = { type: 'RBAC', name: 'rbac' } as const

  it('lets the order change, and nothing else of what is no webhook', () => {
    checkSameTypes(read(rbac, node), [node, rbac])
    assert.throws(() => checkSameTypes(read(node), [node, rbac]), {
      message: 'missing required types: [RBAC]',
    })
    assert.throws(() => checkSameTypes(read(node, rbac), [node]), {
      message: 'authorizer type RBAC is not allowed if it was not enabled at initial server startup',
    })
  })
})

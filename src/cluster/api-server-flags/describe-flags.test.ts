import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterApiServerOptions } from '../cluster-api-server.ts'
import { apiServerFlags } from './describe-flags.ts'

const plain = {
  store: { type: 'embedded' },
  advertiseAddress: '10.0.0.1',
  bindAddress: '0.0.0.0',
  port: 6443,
  serviceCidr: '10.96.0.0/16',
} as const

function flagsOf(options: Partial<ClusterApiServerOptions> = {}) {
  return apiServerFlags({ ...plain, ...options } as ClusterApiServerOptions)
}

test('apiServerFlags has the defaults of what nobody has said', () => {
  const flags = flagsOf()
  assert.partialDeepStrictEqual(flags, {
    'secure-port': '6443',
    'anonymous-auth': 'true',
    'authorization-mode': '[Node,RBAC]',
    'authentication-token-webhook-cache-ttl': '2m0s',
    'runtime-config': '',
  })
  for (const absent of ['etcd-servers', 'token-auth-file', 'oidc-issuer-url', 'audit-log-path']) {
    assert.equal(flags[absent], undefined)
  }
})

test('apiServerFlags has what was said as pflag writes it', () => {
  const flags = flagsOf({
    store: { type: 'etcd', endpoints: ['http://a:2379', 'http://b:2379'], prefix: '/k8ts/x' },
    securityFiles: { authorizationConfig: '/a', oidc: { issuerUrl: 'https://i', clientId: 'c' } },
    apiServer: {
      admission: { enable: ['PodNodeSelector', 'EventRateLimit'] },
      audit: { logPath: '/log', log: { maxWaitMs: 1500 } },
      featureGates: { ClusterTrustBundle: true },
      runtimeConfig: { 'api/beta': 'true', 'api/alpha': 'false' },
    },
  })
  assert.partialDeepStrictEqual(flags, {
    'etcd-servers': '[http://a:2379,http://b:2379]',
    'etcd-prefix': '/k8ts/x',
    'authorization-config': '/a',
    'authorization-mode': '[]',
    'oidc-signing-algs': '[RS256]',
    'enable-admission-plugins': '[PodNodeSelector,EventRateLimit]',
    'audit-log-path': '/log',
    'audit-log-batch-max-wait': '1.5s',
    'feature-gates': 'ClusterTrustBundle=true',
    'runtime-config': 'api/alpha=false,api/beta=true',
  })
})

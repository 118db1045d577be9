import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readAuthenticationConfiguration } from './authentication-configuration.ts'

const issuer = { url: 'https://a.example', audiences: ['k8ts'] }
const username = { claim: 'sub', prefix: '' }

function messagesOf(...jwt: readonly object[]): readonly string[] {
  const kind = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration' }
  try {
    readAuthenticationConfiguration(JSON.stringify({ ...kind, jwt }), ['https://own.example'])
    return []
  } catch (error) {
    return (error as Error).message.split('\n')
  }
}

describe('readAuthenticationConfiguration', () => {
  const mapping = (claimMappings: object, more: object = {}) => ({
    issuer,
    claimMappings: { username, ...claimMappings },
    ...more,
  })
  const emailUnverified = (expression: string) =>
    `jwt[0].claimMappings.username.expression: Invalid value: ${JSON.stringify(expression)}: claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression`
  const rows: readonly (readonly [string, readonly object[], readonly string[]])[] = [
    ['a plain issuer', [mapping({})], []],
    [
      'two issuers without a URL',
      [
        { issuer: { audiences: ['a'] }, claimMappings: { username } },
        { issuer: { audiences: ['a'] }, claimMappings: { username } },
      ],
      [
        'jwt[0].issuer.url: Required value',
        'jwt[1].issuer.url: Required value',
        'jwt[1].issuer.url: Duplicate value: ""',
      ],
    ],
    [
      'an egress selector that there is not',
      [mapping({}, { issuer: { ...issuer, egressSelectorType: 'etcd' } })],
      [
        'jwt[0].issuer.egressSelectorType: Invalid value: "etcd": egress selector must be either controlplane or cluster',
      ],
    ],
    ['one that there is', [mapping({}, { issuer: { ...issuer, egressSelectorType: 'cluster' } })], []],
    [
      'an address without a scheme',
      [mapping({}, { issuer: { ...issuer, url: 'a.example' } })],
      ['jwt[0].issuer.url: Invalid value: "a.example": URL scheme must be https'],
    ],
    [
      'an address with an empty user',
      [mapping({}, { issuer: { ...issuer, url: 'https://@a.example' } })],
      ['jwt[0].issuer.url: Invalid value: "https://@a.example": URL must not contain a username or password'],
    ],
    [
      'an address that is none',
      [mapping({}, { issuer: { ...issuer, url: 'https://a.example:b' } })],
      [
        String.raw`jwt[0].issuer.url: Invalid value: "https://a.example:b": parse "https://a.example:b": invalid port ":b" after host`,
      ],
    ],
    [
      'audiences that are empty twice',
      [mapping({}, { issuer: { ...issuer, audiences: ['', ''], audienceMatchPolicy: 'MatchAny' } })],
      [
        'jwt[0].issuer.audiences[0]: Required value',
        'jwt[0].issuer.audiences[1]: Required value',
        'jwt[0].issuer.audiences[1]: Duplicate value: ""',
      ],
    ],
    [
      'a key of Kubernetes, in capitals',
      [mapping({ extra: [{ key: 'a.K8S.io/x', valueExpression: '""' }] })],
      [
        "jwt[0].claimMappings.extra[0].key: Invalid value: \"a.K8S.io\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
        'jwt[0].claimMappings.extra[0].key: Invalid value: "a.K8S.io/x": must be lowercase',
      ],
    ],
    [
      'an address as name that nobody verified',
      [mapping({ username: { expression: 'claims.?email.orValue("")' } })],
      [emailUnverified('claims.?email.orValue("")')],
    ],
    [
      'one that a rule verifies',
      [
        mapping(
          { username: { expression: 'claims.email' } },
          { claimValidationRules: [{ expression: 'claims.?email_verified.orValue(true) == true' }] },
        ),
      ],
      [],
    ],
    [
      'a name that only looks like an address',
      [mapping({ username: { expression: 'claims.claims.email' } })],
      [],
    ],
  ]
  for (const [what, jwt, expected] of rows) {
    it(`judges ${what} as upstream does`, () => assert.deepEqual(messagesOf(...jwt), expected))
  }
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import { createCertificateAuthority, issueCertificate } from '../../machinery/pki/certificate.ts'
import { encodePem } from '../../machinery/pki/pem.ts'
import type { ClusterTrustBundle } from '../generated/certificates.v1beta1.ts'
import { subdomain } from '../testing/strategy-faults.ts'
import { clusterTrustBundleDefinition } from './cluster-trust-bundle.ts'

const now = Date.UTC(2030, 0, 1)
const authority = createCertificateAuthority({ commonName: 'a', now })
const [first, second] = [authority, createCertificateAuthority({ commonName: 'b', now })].map(
  ({ certificatePem }) => certificatePem,
) as [string, string]
const leaf = issueCertificate(authority, { commonName: 'leaf', usages: ['client auth'], now }).certificatePem
const withHeaders = first.replace('CERTIFICATE-----\n', 'CERTIFICATE-----\nComment: x\n\n')

function aBundle(name: string, spec: Partial<ClusterTrustBundle['spec']> = {}): ClusterTrustBundle {
  return { metadata: { name }, spec: { trustBundle: first, ...spec } }
}

const { strategy } = clusterTrustBundleDefinition
const faults = (bundle: ClusterTrustBundle) => (strategy.validate?.(bundle) ?? []).map(fieldErrorText)
const changeFaults = (next: ClusterTrustBundle, previous: ClusterTrustBundle) =>
  (strategy.validateUpdate?.(next, previous) ?? []).map(fieldErrorText)
const wrong = (detail: string) => `spec.trustBundle: Invalid value: "<value omitted>": ${detail}`

describe('ClusterTrustBundle', () => {
  const rows: readonly (readonly [what: string, bundle: ClusterTrustBundle, ...faults: string[]])[] = [
    ['one of nobody', aBundle('b')],
    ['what stands between certificates', aBundle('b', { trustBundle: `a\n${first}b\n${second}c` })],
    ['one of a signer', aBundle('e.org:s:v1', { signerName: 'e.org/s' })],
    [
      'a name with a colon and no signer',
      aBundle('a:b'),
      'metadata.name: Invalid value: "a:b": ClusterTrustBundle without signer name must not have ":" in its name',
    ],
    ['a name that is none', aBundle('B'), `metadata.name: Invalid value: "B": ${subdomain}`],
    [
      'a name of another signer',
      aBundle('e.org:t:v1', { signerName: 'e.org/s' }),
      'metadata.name: Invalid value: "e.org:t:v1": ClusterTrustBundle for signerName e.org/s must be named with prefix e.org:s:',
    ],
    [
      'a name that ends after the signer',
      aBundle('e.org:s:', { signerName: 'e.org/s' }),
      `metadata.name: Invalid value: "e.org:s:": ${subdomain}`,
    ],
    [
      'a name to be generated',
      { metadata: { generateName: 'e.org:s:v-' }, spec: aBundle('', { signerName: 'e.org/s' }).spec },
    ],
    [
      'a signer that is none',
      aBundle('s:v1', { signerName: 's' }),
      `spec.signerName: Invalid value: "s": must be a fully qualified domain and path of the form 'example.com/signer-name'`,
    ],
    [
      'no certificate',
      aBundle('b', { trustBundle: '' }),
      wrong('at least one trust anchor must be provided'),
    ],
    [
      'a key',
      aBundle('b', { trustBundle: first + encodePem('PRIVATE KEY', Buffer.from('x')) }),
      wrong('entry 1 has bad block type: PRIVATE KEY'),
    ],
    ['headers', aBundle('b', { trustBundle: withHeaders }), wrong('entry 0 has PEM block headers')],
    [
      'no X.509',
      aBundle('b', { trustBundle: encodePem('CERTIFICATE', Buffer.from('x')) }),
      wrong('entry 0 does not parse as X.509'),
    ],
    ['a leaf', aBundle('b', { trustBundle: leaf }), wrong('entry 0 does not have the CA bit set')],
    [
      'a certificate twice',
      aBundle('b', { trustBundle: first + second + first }),
      wrong('duplicate trust anchor (indices [0 2])'),
    ],
    [
      'too much',
      aBundle('b', { trustBundle: 'x'.repeat(1024 * 1024 + 1) }),
      'spec.trustBundle: Too long: may not be more than 1048576 bytes',
    ],
  ]
  for (const [what, bundle, ...expected] of rows) {
    it(`${expected.length > 0 ? 'refuses' : 'takes'} ${what}`, () => {
      assert.deepEqual(faults(bundle), expected)
    })
  }

  it('keeps its signer, and does not read again what it holds', () => {
    const stored = aBundle('e.org:s:v1', { signerName: 'e.org/s', trustBundle: 'what once was right' })
    assert.deepEqual(
      changeFaults({ ...stored, metadata: { ...stored.metadata, labels: { a: 'b' } } }, stored),
      [],
    )
    assert.deepEqual(
      changeFaults(aBundle('e.org:s:v1', { signerName: 'e.org/s', trustBundle: 'x' }), stored),
      [wrong('at least one trust anchor must be provided')],
    )
    assert.deepEqual(changeFaults(aBundle('b'), aBundle('b', { signerName: 'e.org/s' })), [
      'spec.signerName: Invalid value: "": field is immutable',
    ])
  })
})

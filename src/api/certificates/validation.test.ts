import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type { CertificateSigningRequest } from '../generated/certificates.v1.ts'
import {
  validateApproval,
  validateCertificateSigningRequest,
  validateCertificateSigningRequestStatus,
} from './validation.ts'

const certificate = (text: string) => Buffer.from(text).toString('base64')
const requestOf = (spec: object, status: object = {}) =>
  ({
    metadata: { name: 'r' },
    spec: { request: '', signerName: 'a.b/c', usages: ['client auth'], ...spec },
    status,
  }) as CertificateSigningRequest
const statusOf = (...types: string[]) => ({ conditions: types.map((type) => ({ type, status: 'True' })) })
const form = "must be a fully qualified domain and path of the form 'example.com/signer-name'"

const specs: readonly (readonly [spec: object, ...faults: string[]])[] = [
  [{}],
  [{ usages: [] }, 'spec.usages: Required value'],
  [{ signerName: '' }, 'spec.signerName: Required value'],
  [{ signerName: 'a' }, `spec.signerName: Invalid value: "a": ${form}`],
  [
    { signerName: 'kubernetes.io/legacy-unknown' },
    'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
  ],
  [{ signerName: `a.b/${`${'x'.repeat(63)}.`.repeat(5)}x` }],
  [
    { usages: ['any', 'odd', 'any'] },
    'spec.usages[1]: Unsupported value: "odd": supported values: "any", "cert sign", "client auth", "code signing", ' +
      '"content commitment", "crl sign", "data encipherment", "decipher only", "digital signature", "email protection", ' +
      '"encipher only", "ipsec end system", "ipsec tunnel", "ipsec user", "key agreement", "key encipherment", ' +
      '"microsoft sgc", "netscape sgc", "ocsp signing", "s/mime", "server auth", "signing", "timestamping"',
    'spec.usages[2]: Duplicate value: "any"',
  ],
]

for (const [spec, ...expected] of specs)
  test(`a request for a certificate with ${JSON.stringify(spec)} is ${expected[0] ? `refused: ${expected[0]}` : 'accepted'}`, () => {
    const errors = validateCertificateSigningRequest(requestOf(spec)).map(fieldErrorText)
    assert.deepEqual(
      errors.filter((error) => !error.startsWith('spec.request')),
      expected,
    )
  })

const both = 'Approved and Denied conditions are mutually exclusive'
const decided = { type: 'Approved', status: 'True', reason: 'R' }
const changes: readonly (readonly [
  by: 'approval' | 'status',
  before: object,
  after: object,
  ...faults: string[],
])[] = [
  ['approval', {}, statusOf('Approved')],
  ['approval', {}, statusOf('Failed')],
  [
    'approval',
    {},
    statusOf('Approved', 'Denied', 'Denied'),
    `status.conditions: Invalid value: "Denied": ${both}`,
    `status.conditions: Invalid value: "Denied": ${both}`,
    'status.conditions[2].type: Duplicate value: "Denied"',
  ],
  ['approval', statusOf('Approved', 'Denied'), statusOf('Approved', 'Denied', 'Failed')],
  [
    'approval',
    statusOf('Approved'),
    {},
    'status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
  ],
  [
    'approval',
    {},
    { certificate: 'AAAA' },
    'status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block',
    'status.certificate: Forbidden: updates may not set certificate content',
  ],
  ['status', statusOf('Failed'), { conditions: [{ type: 'Failed', status: 'True', reason: 'other' }] }],
  [
    'status',
    {},
    statusOf('Approved'),
    'status.conditions: Forbidden: updates may not add a condition of type "Approved"',
  ],
  [
    'status',
    { conditions: [decided] },
    { conditions: [{ ...decided, reason: 'other' }] },
    'status.conditions: Forbidden: updates may not modify a condition of type "Approved"\n' +
      '@@ -2,7 +2,7 @@\n  {\n   "Type": "Approved",\n   "Status": "True",\n-  "Reason": "R",\n+  "Reason": "other",\n' +
      '   "Message": "",\n   "LastUpdateTime": null,\n   "LastTransitionTime": null\n',
  ],
  [
    'status',
    {},
    { certificate: certificate('-----BEGIN CERTIFICATE-----\nA: b\n\nAAAA\n-----END CERTIFICATE-----\n') },
    'status.certificate: Invalid value: "<certificate data>": no PEM block headers are permitted',
  ],
  [
    'status',
    {},
    {
      certificate: certificate(
        '-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n' +
          '-----BEGIN CERTIFICATE-----\nA: b\n\nAAAA\n-----END CERTIFICATE-----\n',
      ),
    },
    'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "KEY"',
  ],
  [
    'status',
    { certificate: 'AAAA' },
    { certificate: 'BBBB' },
    'status.certificate: Forbidden: updates may not modify existing certificate content',
  ],
]

for (const [by, before, after, ...expected] of changes)
  test(`writing the ${by} ${JSON.stringify(after)} over ${JSON.stringify(before)} is ${expected[0] ? `refused: ${expected[0]}` : 'accepted'}`, () => {
    const validate = by === 'approval' ? validateApproval : validateCertificateSigningRequestStatus
    const errors = validate(requestOf({}, after), requestOf({}, before))
    assert.deepEqual(errors.map(fieldErrorText), expected)
  })

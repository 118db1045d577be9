import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, path } from '../field-error.ts'
import type { ObjectMeta, OwnerReference } from '../meta.ts'
import { validateConditions } from './conditions.ts'
import {
  validateDomainPrefixedKey,
  validateDomainPrefixedPath,
  validateFullyQualifiedDomainName,
} from './domain-names.ts'
import {
  validateCidr,
  validateCidrForLegacyField,
  validateInterfaceAddress,
  validateIp,
  validateIpForLegacyField,
  warningsForCidr,
  warningsForIp,
} from './ip.ts'
import { validateLabelSelector } from './labels.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts'
import { validateDeleteOptions, validatePatchOptions } from './options.ts'

const owner: OwnerReference = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'a', uid: '1' }

test('validateObjectMeta names every fault', () => {
  const rows: readonly (readonly [ObjectMeta, readonly string[]])[] = [
    [{ name: 'a', namespace: 'b' }, []],
    [{ name: 'a', namespace: 'b', generateName: 'a-' }, []],
    [
      { generateName: 'A' },
      [
        'metadata.generateName: Invalid value: "A"',
        'metadata.name: Required value: name or generateName is required',
        'metadata.namespace: Required value',
      ],
    ],
    [
      { name: 'a', namespace: 'b', generation: -1 },
      ['metadata.generation: Invalid value: -1: must be greater'],
    ],
    [
      { name: 'a', namespace: 'b', labels: { '-': 'x y' } },
      ['metadata.labels: Invalid value: "-"', 'metadata.labels: Invalid value: "x y"'],
    ],
    [{ name: 'a', namespace: 'b', annotations: { 'Example.COM/a': 'anything goes' } }, []],
    [
      { name: 'a', namespace: 'b', annotations: { a: 'x'.repeat(262_144) } },
      ['metadata.annotations: Too long: may not be more than 262144 bytes'],
    ],
    [{ name: 'a', namespace: 'b', finalizers: ['a b'] }, ['metadata.finalizers: Invalid value: "a b"']],
    [
      { name: 'a', namespace: 'b', finalizers: ['orphan', 'foregroundDeletion'] },
      [
        'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: ' +
          'finalizer orphan and foregroundDeletion cannot be both set',
      ],
    ],
    [
      { name: 'a', namespace: 'b', ownerReferences: [{ ...owner, apiVersion: 'apps/', uid: '' }] },
      [
        'metadata.ownerReferences.apiVersion: Invalid value: "apps/": version must not be empty',
        'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
      ],
    ],
    [
      {
        name: 'a',
        namespace: 'b',
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, controller: true },
        ],
      },
      ['metadata.ownerReferences: Invalid value: [{"apiVersion"'],
    ],
    [
      { name: 'a', namespace: 'b', managedFields: [{ manager: 'a\u0007' }] },
      [
        'metadata.managedFields[0].operation: Invalid value: "": must be `Apply` or `Update`',
        'metadata.managedFields[0].manager: Invalid value: "a\\a": invalid character U+0007 (at position 1)',
      ],
    ],
  ]
  for (const [meta, expected] of rows) {
    const texts = validateObjectMeta(meta, { namespaced: true }).map(fieldErrorText)
    assert.equal(texts.length, expected.length, texts.join('\n'))
    expected.forEach((start, index) => assert.ok(texts[index]!.startsWith(start), texts[index]!))
  }
})

test('validateObjectMeta follows the rule of the kind', () => {
  const cluster = { namespaced: false } as const
  assert.deepEqual(validateObjectMeta({ name: 'system:a' }, { ...cluster, nameRule: 'pathSegment' }), [])
  assert.equal(validateObjectMeta({ name: 'a.b' }, { ...cluster, nameRule: 'dns1123Label' }).length, 1)
  assert.deepEqual(validateObjectMeta({ name: 'a', namespace: 'b' }, cluster).map(fieldErrorText), [
    'metadata.namespace: Forbidden: not allowed on this type',
  ])
})

test('validateObjectMetaUpdate keeps what may not change', () => {
  const previous: ObjectMeta = {
    name: 'a',
    namespace: 'b',
    uid: '1',
    resourceVersion: '1',
    generation: 2,
    creationTimestamp: '2026-01-01T00:00:00Z',
    finalizers: ['x/y'],
  }
  assert.deepEqual(validateObjectMetaUpdate({ ...previous, generation: 3 }, previous), [])
  const { resourceVersion: _, ...unversioned } = previous
  assert.deepEqual(
    validateObjectMetaUpdate({ ...unversioned, uid: '2', generation: 1 }, previous).map(fieldErrorText),
    [
      'metadata.resourceVersion: Invalid value: "": must be specified for an update',
      'metadata.generation: Invalid value: 1: must not be decremented',
      'metadata.uid: Invalid value: "2": field is immutable',
    ],
  )
  const deleting: ObjectMeta = { ...previous, deletionTimestamp: '2026-01-02T00:00:00Z' }
  assert.deepEqual(
    validateObjectMetaUpdate({ ...deleting, finalizers: ['x/y', 'b/c', 'a/b'] }, deleting).map(
      fieldErrorText,
    ),
    [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, ' +
        'found new finalizers []string{"a/b", "b/c"}',
    ],
  )
})

test('validateLabelSelector checks operators and values', () => {
  const selector = {
    matchLabels: { ok: 'yes' },
    matchExpressions: [
      { key: 'a', operator: 'In' as const },
      { key: 'a', operator: 'Exists' as const, values: ['b'] },
      { key: 'a', operator: 'NotIn' as const, values: ['b', '-'] },
    ],
  }
  const texts = validateLabelSelector(selector, path('spec', 'selector')).map(fieldErrorText)
  assert.deepEqual(texts.slice(0, 2), [
    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    'spec.selector.matchExpressions[1].values: Forbidden: may not be specified when `operator` is ' +
      "'Exists' or 'DoesNotExist'",
  ])
  assert.match(
    texts[2]!,
    /^spec\.selector\.matchExpressions\[2\]\.values\[1\]: Invalid value: "-": a valid label/,
  )
})

test('validateIp and validateCidr want canonical forms, the legacy rules do not', () => {
  const at = path('f')
  const texts = (errors: readonly Parameters<typeof fieldErrorText>[0][]) => errors.map(fieldErrorText).join()
  assert.equal(
    texts(validateIp(at, 'fe80::ABC')),
    'f: Invalid value: "fe80::ABC": must be in canonical form ("fe80::abc")',
  )
  assert.equal(texts(validateIpForLegacyField(at, 'fe80::ABC')), '')
  assert.equal(
    texts(validateIpForLegacyField(at, '010.1.1.1')),
    'f: Invalid value: "010.1.1.1": must not have leading 0s',
  )
  assert.equal(texts(validateIpForLegacyField(at, '010.1.1.1', ['010.1.1.1'])), '')
  assert.equal(
    texts(validateIpForLegacyField(at, '::ffff:1.2.3.4')),
    'f: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address',
  )
  assert.equal(
    texts(validateIp(at, 'x')),
    'f: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  )
  assert.equal(
    texts(validateCidrForLegacyField(at, '10.0.0.1/8')),
    'f: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
  )
  assert.equal(
    texts(validateCidr(at, '2001:DB8::/64')),
    'f: Invalid value: "2001:DB8::/64": must be in canonical form ("2001:db8::/64")',
  )
  assert.equal(texts(validateInterfaceAddress(at, '10.0.0.1/8')), '')
  assert.deepEqual(warningsForIp(at, '010.1.1.1'), [
    'f: non-standard IP address "010.1.1.1" is invalid: use "10.1.1.1"',
  ])
  assert.deepEqual(warningsForCidr(at, '10.0.0.1/8'), [
    'f: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)',
  ])
})

test('domain names need their segments', () => {
  const at = path('f')
  assert.deepEqual(validateFullyQualifiedDomainName(at, 'example.com.'), [])
  assert.deepEqual(validateFullyQualifiedDomainName(at, 'com').map(fieldErrorText), [
    'f: Invalid value: "com": should be a domain with at least two segments separated by dots',
  ])
  assert.deepEqual(validateDomainPrefixedPath(at, 'acme.io/foo/bar'), [])
  assert.equal(validateDomainPrefixedPath(at, '/foo').length, 1)
  assert.equal(validateDomainPrefixedKey(at, 'foo').length, 1)
})

test('validateConditions wants each type once', () => {
  const condition = {
    type: 'Ready',
    status: 'True' as const,
    reason: 'Fine',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  assert.deepEqual(validateConditions([condition], path('status', 'conditions')), [])
  assert.deepEqual(validateConditions([condition, condition], path('c')).map(fieldErrorText), [
    'c[1].type: Duplicate value: "Ready"',
  ])
})

test('options are checked against one another', () => {
  assert.deepEqual(validatePatchOptions({}, true).map(fieldErrorText), [
    'fieldManager: Required value: is required for apply patch',
  ])
  assert.deepEqual(validatePatchOptions({ force: true, dryRun: ['All'] }, false).map(fieldErrorText), [
    'force: Forbidden: may not be specified for non-apply patch',
  ])
  assert.deepEqual(validatePatchOptions({ dryRun: ['x'], fieldValidation: 'y' }, false).map(fieldErrorText), [
    'dryRun: Unsupported value: ["x"]: supported values: "All"',
    'fieldValidation: Unsupported value: "y": supported values: "", "Ignore", "Strict", "Warn"',
  ])
  assert.deepEqual(
    validateDeleteOptions({ orphanDependents: true, propagationPolicy: 'Orphan' }).map(fieldErrorText),
    [
      'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    ],
  )
})

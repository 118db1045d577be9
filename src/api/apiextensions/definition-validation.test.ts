import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../generated/apiextensions.v1.ts'
import { definitionWarnings, validateDefinition, validateDefinitionUpdate } from './definition-validation.ts'

function aVersion(
  schema: JSONSchemaProps = { type: 'object' },
  more: Partial<CustomResourceDefinitionVersion> = {},
): CustomResourceDefinitionVersion {
  return { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema }, ...more }
}

function aDefinition(spec: Partial<CustomResourceDefinitionSpec> = {}): CustomResourceDefinition {
  const names = { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' }
  const whole = {
    group: 'example.com',
    scope: 'Namespaced',
    names,
    conversion: { strategy: 'None' },
    versions: [aVersion()],
    ...spec,
  }
  return {
    metadata: { name: `${whole.names.plural}.${whole.group}` },
    spec: whole,
    status: { storedVersions: ['v1'] },
  }
}

function withField(x: JSONSchemaProps): CustomResourceDefinition {
  return aDefinition({ versions: [aVersion({ type: 'object', properties: { x } })] })
}

/** Where faults are that all versions share. */
const root = 'spec.validation.openAPIV3Schema'
const x = `${root}.properties[x]`

const labelRule =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end " +
  "with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is " +
  "'[a-z]([-a-z0-9]*[a-z0-9])?')"

const rows: readonly (readonly [string, CustomResourceDefinition, readonly string[]])[] = [
  ['nothing wrong', aDefinition(), []],
  [
    'a name that is not made of names and group',
    { ...aDefinition(), metadata: { name: 'others.example.com' } },
    ['metadata.name: Invalid value: "others.example.com": must be spec.names.plural+"."+spec.group'],
  ],
  [
    'a group without a dot',
    aDefinition({ group: 'example' }),
    ['spec.group: Invalid value: "example": should be a domain with at least one dot'],
  ],
  [
    'another scope',
    aDefinition({ scope: 'Galaxy' }),
    ['spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"'],
  ],
  [
    'no schema',
    aDefinition({ versions: [{ name: 'v1', served: true, storage: true }] }),
    ['spec.versions[0].schema.openAPIV3Schema: Required value'],
  ],
  [
    'a list of its own kind',
    aDefinition({ names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'Thing' } }),
    ['spec.names.listKind: Invalid value: "Thing": kind and listKind may not be the same'],
  ],
  [
    'a field without a type',
    withField({}),
    [`${x}.type: Required value: must not be empty for specified object fields`],
  ],
  [
    'an unknown type',
    withField({ type: 'text' }),
    [
      `${x}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`,
    ],
  ],
  ['a list without items', withField({ type: 'array' }), [`${x}.items: Required value: must be specified`]],
  [
    'properties beside additionalProperties',
    withField({
      type: 'object',
      properties: { a: { type: 'string' } },
      additionalProperties: { type: 'string' },
    }),
    [`${x}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`],
  ],
  [
    'a type below anyOf',
    withField({ type: 'string', anyOf: [{ type: 'string' }] }),
    [`${x}.anyOf[0].type: Forbidden: must be empty to be structural`],
  ],
  ['an integer or a text', withField({ 'x-kubernetes-int-or-string': true }), []],
  [
    'metadata with more than names',
    aDefinition({
      versions: [
        aVersion({
          type: 'object',
          properties: { metadata: { type: 'object', properties: { labels: { type: 'object' } } } },
        }),
      ],
    }),
    [
      `${root}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but ` +
        'metadata is implicitly specified',
    ],
  ],
  [
    'a map list without keys',
    withField({ type: 'array', 'x-kubernetes-list-type': 'map', items: { type: 'object' } }),
    [`${x}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`],
  ],
  [
    'a key that may be absent',
    withField({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['a'],
      items: { type: 'object', properties: { a: { type: 'string' } } },
    }),
    [
      `${x}.items.properties[a].default: Required value: this property is in x-kubernetes-list-map-keys, so it must ` +
        'have a default or be a required property',
    ],
  ],
  [
    'a default of another type',
    withField({ type: 'integer', default: 'a' }),
    [`${x}.default: Invalid value: "string":  in body must be of type integer: "string"`],
  ],
  [
    'a default with an unknown field',
    withField({ type: 'object', properties: { a: { type: 'string' } }, default: { b: 1 } }),
    [`${x}.default: Invalid value: {"b":1}: must not have unknown fields`],
  ],
  [
    'a rule that does not compile',
    withField({ type: 'string', 'x-kubernetes-validations': [{ rule: 'self.size()' }] }),
    [
      `${x}.x-kubernetes-validations[0].rule: Invalid value: {"Rule":"self.size()","Message":"","MessageExpression":"",` +
        '"Reason":null,"FieldPath":"","OptionalOldSelf":null}: cel expression must evaluate to a bool',
    ],
  ],
  [
    'a rule that costs too much',
    withField({
      type: 'array',
      items: {
        type: 'array',
        items: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self.contains("a")' }] },
      },
    }),
    [
      `${x}.items.items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of ` +
        'more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, ' +
        'and strings are declared)',
      `${x}.items.items.x-kubernetes-validations[0].rule: Forbidden: contributed to estimated rule cost total exceeding ` +
        'cost limit for entire OpenAPIv3 schema',
      `${root}: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget ` +
        'by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where ' +
        'arrays, maps, and strings are declared)',
    ],
  ],
  [
    'oldSelf where nothing can be told apart',
    withField({
      type: 'array',
      maxItems: 5,
      items: { type: 'string', maxLength: 5, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
    }),
    [
      `${x}.items.x-kubernetes-validations[0].rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the ` +
        `uncorrelatable portion of the schema within ${x}`,
    ],
  ],
  [
    'a column of another type',
    aDefinition({
      versions: [
        aVersion(
          { type: 'object' },
          { additionalPrinterColumns: [{ name: 'A', type: 'text', jsonPath: 'a' }] },
        ),
      ],
    }),
    [
      'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of ' +
        'boolean,date,integer,number,string',
      'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "a": must be a simple json path starting with .',
    ],
  ],
  [
    'a selectable field that is none',
    aDefinition({
      versions: [aVersion({ type: 'object' }, { selectableFields: [{ jsonPath: '.spec.a' }] })],
    }),
    [
      'spec.selectableFields[0].jsonPath: Invalid value: ".spec.a": is an invalid path: does not refer to a ' +
        'valid field',
    ],
  ],
  [
    'the faults of one version in that version',
    aDefinition({
      versions: [
        aVersion({ type: 'object', properties: { x: {} } }),
        aVersion({ type: 'object' }, { name: 'v2', storage: false }),
      ],
    }),
    [
      'spec.versions[0].schema.openAPIV3Schema.properties[x].type: Required value: must not be empty for specified ' +
        'object fields',
    ],
  ],
  [
    'selectable fields that versions share where they share no schema',
    aDefinition({
      versions: ['v1', 'v2'].map((name) => {
        const fields = { kind: { type: 'string' }, a: { type: 'string', description: name } }
        const more = { name, storage: name === 'v1', selectableFields: [{ jsonPath: '.a' }] }
        return aVersion({ type: 'object', properties: fields }, more)
      }),
    }),
    ['spec.selectableFields: Invalid value: "": may only be set when validations.schema is included'],
  ],
  [
    'defaults beside preserveUnknownFields',
    aDefinition({
      preserveUnknownFields: true,
      versions: [aVersion({ type: 'object', properties: { x: { type: 'string', default: 'a' } } })],
    }),
    [
      'spec.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema',
      'spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields ' +
        'to true in spec.versions[*].schema instead',
    ],
  ],
  [
    'a version with a name that is none, twice',
    aDefinition({ versions: [aVersion({ type: 'object' }, { name: 'v1_' })] }),
    [
      `spec.versions[0].name: Invalid value: "v1_": ${labelRule}`,
      `spec.version: Invalid value: "v1_": ${labelRule}`,
      'status.storedVersions: Invalid value: ["v1"]: must have the storage version v1_',
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, ' +
        'and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes ' +
        'v1 from status.storedVersions',
    ],
  ],
  [
    'a webhook without a place',
    aDefinition({
      conversion: { strategy: 'Webhook', webhook: { clientConfig: {}, conversionReviewVersions: ['v1'] } },
    }),
    ['spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required'],
  ],
  [
    'a group of the project without approval',
    aDefinition({ group: 'things.k8s.io' }),
    [
      'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation ' +
        '"api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    ],
  ],
]

for (const [title, definition, errors] of rows) {
  test(`validateDefinition finds ${title}`, () => {
    assert.deepEqual(validateDefinition(definition).map(fieldErrorText), errors)
  })
}

test('validateDefinitionUpdate keeps group and plural, and stored versions', () => {
  const next = aDefinition({ versions: [aVersion({ type: 'object' }, { name: 'v2' })] })
  const errors = validateDefinitionUpdate(
    { ...next, status: { storedVersions: ['v1', 'v2'] } },
    aDefinition({ names: { plural: 'others', singular: 'thing', kind: 'Thing', listKind: 'ThingList' } }),
  )
  assert.deepEqual(
    errors.map(({ field, message }) => `${field}: ${message.slice(0, 40)}`),
    [
      'spec.names.plural: Invalid value: "things": field is immuta',
      'status.storedVersions[0]: Invalid value: "v1": missing from spec.v',
    ],
  )
})

test('definitionWarnings name formats that mean nothing, once they come up', () => {
  const definition = withField({ type: 'string', format: 'colour' })
  assert.deepEqual(definitionWarnings(definition), ['unrecognized format "colour"'])
  assert.deepEqual(definitionWarnings(definition, definition), [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadExpressions } from './admissionregistration/expression-loader.ts'
import { changeFaults, definitionOf, faults, statusFaults } from './testing/strategy-faults.ts'

const definitions = 'customresourcedefinitions.apiextensions.k8s.io'

await loadExpressions()
await definitionOf(definitions).loadWrites!()

/*
 * Values in messages that are neither text nor numbers: upstream's server prints its own form of them, with Go's names
 * and with all that is not set, and maps in the order of their keys.
 */

const podOf = (spec: object, container: object = {}) => ({
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
})
const template = (labels?: object) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Always' },
})
const selector = { matchLabels: { b: '1', a: '1' } }
const printedSelector = '{"matchLabels":{"a":"1","b":"1"}}'

function definitionOfVersions(...versions: object[]) {
  return {
    metadata: { name: 'as.g.example' },
    spec: {
      group: 'g.example',
      scope: 'Cluster',
      names: { plural: 'as', kind: 'A', singular: 'a', listKind: 'AList' },
      versions: versions.map((version) => ({ served: true, storage: false, ...version })),
    },
  }
}

/** The fields of a schema in the order of Go's type, each with what it is when nobody sets it. */
const unsetSchema =
  JSON.parse(`{"ID":"","Schema":"","Ref":null,"Description":"","Type":"","Nullable":false,"Format":"",
  "Title":"","Default":null,"Maximum":null,"ExclusiveMaximum":false,"Minimum":null,"ExclusiveMinimum":false,
  "MaxLength":null,"MinLength":null,"Pattern":"","MaxItems":null,"MinItems":null,"UniqueItems":false,"MultipleOf":null,
  "Enum":null,"MaxProperties":null,"MinProperties":null,"Required":null,"Items":null,"AllOf":null,"OneOf":null,
  "AnyOf":null,"Not":null,"Properties":null,"AdditionalProperties":null,"PatternProperties":null,"Dependencies":null,
  "AdditionalItems":null,"Definitions":null,"ExternalDocs":null,"Example":null,"XPreserveUnknownFields":null,
  "XEmbeddedResource":false,"XIntOrString":false,"XListMapKeys":null,"XListType":null,"XMapType":null,
  "XValidations":null}`) as Readonly<Record<string, unknown>>

interface SchemaInGo {
  readonly Properties?: Readonly<Record<string, SchemaInGo>>
  readonly AdditionalProperties?: { readonly Allows: boolean; readonly Schema: SchemaInGo }
  readonly Items?: { readonly Schema: SchemaInGo; readonly JSONSchemas: null }
  readonly [field: string]: unknown
}

function printedSchema(schema: SchemaInGo): string {
  return JSON.stringify(wholeSchema(schema))
}

function wholeSchema({ Properties, AdditionalProperties, Items, ...rest }: SchemaInGo): object {
  return {
    ...unsetSchema,
    ...rest,
    ...(Properties && {
      Properties: Object.fromEntries(
        Object.entries(Properties).map(([name, schema]) => [name, wholeSchema(schema)]),
      ),
    }),
    ...(AdditionalProperties && {
      AdditionalProperties: { ...AdditionalProperties, Schema: wholeSchema(AdditionalProperties.Schema) },
    }),
    ...(Items && { Items: { ...Items, Schema: wholeSchema(Items.Schema) } }),
  }
}

const creations: readonly (readonly [what: string, resource: string, object: object, fault: string])[] = [
  [
    'a security context',
    'pods',
    podOf({}, { securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    'spec.containers[0].securityContext: Invalid value: {"Capabilities":null,"Privileged":true,"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":null,"RunAsGroup":null,"RunAsNonRoot":null,"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
  ],
  [
    'a seccomp profile',
    'pods',
    podOf({ securityContext: { seccompProfile: { type: 'RuntimeDefault', localhostProfile: 'x' } } }),
    'spec.securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"RuntimeDefault","LocalhostProfile":"x"}: can only be set when seccomp type is Localhost',
  ],
  [
    'a claim of devices',
    'pods',
    podOf({ resourceClaims: [{ name: 'r' }] }),
    'spec.resourceClaims[0]: Invalid value: {"Name":"r","ResourceClaimName":null,"ResourceClaimTemplateName":null}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
  ],
  [
    'a port of a service',
    'services',
    {
      metadata: { name: 's' },
      spec: {
        ports: [
          { name: 'a', port: 80 },
          { name: 'b', port: 80 },
        ],
      },
    },
    'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
  ],
  [
    'what an ingress does not have',
    'ingresses.networking.k8s.io',
    { metadata: { name: 'i' }, spec: {} },
    'spec: Invalid value: null: either `defaultBackend` or `rules` must be specified',
  ],
  [
    'labels, sorted',
    'deployments.apps',
    {
      metadata: { name: 'd' },
      spec: { selector: { matchLabels: { x: 'y' } }, template: template({ b: '1', a: '1' }) },
    },
    'spec.template.metadata.labels: Invalid value: {"a":"1","b":"1"}: `selector` does not match template `labels`',
  ],
  [
    'labels that a template of a replication controller does not have',
    'replicationcontrollers',
    { metadata: { name: 'r' }, spec: { selector: { x: 'y' }, template: template() } },
    'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
  ],
  [
    'labels that a template of a job does not have',
    'jobs.batch',
    {
      metadata: { name: 'j', uid: 'u' },
      spec: {
        manualSelector: true,
        selector,
        template: { spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' } },
      },
    },
    'spec.template.metadata.labels: Invalid value: null: `selector` does not match template `labels`',
  ],
  [
    'a selector, with sorted labels',
    'cronjobs.batch',
    {
      metadata: { name: 'c' },
      spec: {
        schedule: '* * * * *',
        jobTemplate: {
          spec: {
            selector,
            template: { spec: { containers: [{ name: 'c', image: 'i' }], restartPolicy: 'Never' } },
          },
        },
      },
    },
    `spec.jobTemplate.spec.selector: Invalid value: ${printedSelector}: \`selector\` will be auto-generated`,
  ],
  [
    'the capacity of a volume, sorted',
    'persistentvolumes',
    {
      metadata: { name: 'v' },
      spec: {
        capacity: { storage: '1Gi', cpu: '1' },
        accessModes: ['ReadWriteOnce'],
        nfs: { server: 's', path: '/p' },
      },
    },
    'spec.capacity: Unsupported value: {"cpu":"1","storage":"1Gi"}: supported values: "storage"',
  ],
  [
    'how flows are told apart',
    'flowschemas.flowcontrol.apiserver.k8s.io',
    {
      metadata: { name: 'f' },
      spec: { priorityLevelConfiguration: { name: 'p' }, distinguisherMethod: { type: 'Odd' } },
    },
    'spec.distinguisherMethod.type: Unsupported value: {"Type":"Odd"}: supported values: "ByNamespace", "ByUser"',
  ],
  [
    'scopes of a quota',
    'resourcequotas',
    {
      metadata: { name: 'q' },
      spec: {
        hard: { pods: '1' },
        scopeSelector: {
          matchExpressions: [
            { scopeName: 'BestEffort', operator: 'Exists' },
            { scopeName: 'NotBestEffort', operator: 'Exists' },
          ],
        },
      },
    },
    'spec.scopeSelector.matchExpressions: Invalid value: {"MatchExpressions":[{"ScopeName":"BestEffort","Operator":"Exists","Values":null},{"ScopeName":"NotBestEffort","Operator":"Exists","Values":null}]}: conflicting scopes',
  ],
  [
    'versions of a definition, whose parts the server keeps apart where they are the same',
    definitions,
    definitionOfVersions({ name: 'v1', schema: { openAPIV3Schema: { type: 'object' } } }),
    'spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version',
  ],
  [
    'versions of a definition with schemas that differ',
    definitions,
    definitionOfVersions(
      {
        name: 'v1',
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              s: { type: 'array', items: { type: 'string' } },
              m: { type: 'object', additionalProperties: { 'x-kubernetes-int-or-string': true } },
            },
          },
        },
      },
      { name: 'v2', schema: { openAPIV3Schema: { type: 'object' } }, subresources: { status: {} } },
    ),
    `spec.versions: Invalid value: [{"Name":"v1","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":{"OpenAPIV3Schema":${printedSchema(
      {
        Type: 'object',
        Properties: {
          m: { Type: 'object', AdditionalProperties: { Allows: true, Schema: { XIntOrString: true } } },
          s: { Type: 'array', Items: { Schema: { Type: 'string' }, JSONSchemas: null } },
        },
      },
    )}},"Subresources":null,"AdditionalPrinterColumns":null,"SelectableFields":null},{"Name":"v2","Served":true,"Storage":false,"Deprecated":false,"DeprecationWarning":null,"Schema":{"OpenAPIV3Schema":${printedSchema({ Type: 'object' })}},"Subresources":{"Status":{},"Scale":null},"AdditionalPrinterColumns":null,"SelectableFields":null}]: must have exactly one version marked as storage version`,
  ],
  [
    'a schema, of which too much stands at the root',
    definitions,
    definitionOfVersions({
      name: 'v1',
      storage: true,
      subresources: { status: {} },
      schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-embedded-resource': true } },
    }),
    `spec.validation.openAPIV3Schema: Invalid value: ${printedSchema({ Type: 'object', XEmbeddedResource: true })}: only [Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations] fields are allowed at the root of the schema if the status subresource is enabled`,
  ],
]

for (const [what, resource, object, fault] of creations)
  test(`messages print as Go does: ${what}`, () => {
    const found = faults(resource, object)
    assert.ok(found.includes(fault), found.join('\n'))
  })

const gated = (spec: object) => podOf({ schedulingGates: [{ name: 'g' }], ...spec })
const wants = (...keys: string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: keys.map((key) => ({ matchExpressions: [{ key, operator: 'Exists' }] })),
      },
    },
  },
})
const printedTerm = (key: string) =>
  `{"MatchExpressions":[{"Key":"${key}","Operator":"Exists","Values":null}],"MatchFields":null}`
const inTerms = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
const deployment = (labels: object) => ({
  metadata: { name: 'd' },
  spec: { selector: { matchLabels: labels }, template: template(labels) },
})
const volume = (key: string) => ({
  metadata: { name: 'v' },
  spec: {
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    nfs: { server: 's', path: '/p' },
    nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'Exists' }] }] } },
  },
})
const address = (name: string) => ({
  metadata: { name: '10.0.0.1' },
  spec: { parentRef: { resource: 'services', namespace: 'n', name } },
})

const changes: readonly (readonly [
  what: string,
  resource: string,
  before: object,
  after: object,
  fault: string,
])[] = [
  [
    'a selector that changes',
    'deployments.apps',
    deployment({ a: '1' }),
    deployment({ b: '1', a: '1' }),
    `spec.selector: Invalid value: ${printedSelector}: field is immutable`,
  ],
  [
    'nodes that a gated pod may have no more',
    'pods',
    gated({ nodeSelector: { a: '1' } }),
    gated({}),
    'spec.nodeSelector: Invalid value: null: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
  ],
  [
    'the number of terms',
    'pods',
    gated(wants('a')),
    gated(wants('a', 'b')),
    `${inTerms}: Invalid value: [${printedTerm('a')},${printedTerm('b')}]: no additions/deletions to non-empty NodeSelectorTerms list are allowed`,
  ],
  [
    'a term',
    'pods',
    gated(wants('a')),
    gated(wants('b')),
    `${inTerms}[0]: Invalid value: ${printedTerm('b')}: only additions are allowed (no mutations or deletions)`,
  ],
  [
    'where a volume is',
    'persistentvolumes',
    volume('a'),
    volume('b'),
    `nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[${printedTerm('b')}]}}: field is immutable, except for updating from beta label to GA`,
  ],
  [
    'whose an address is',
    'ipaddresses.networking.k8s.io',
    address('a'),
    address('b'),
    'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"n","Name":"b"}: field is immutable',
  ],
]

for (const [what, resource, before, after, fault] of changes)
  test(`messages about changes print as Go does: ${what}`, () => {
    const found = changeFaults(resource, before, after)
    assert.ok(found.includes(fault), found.join('\n'))
  })

const withIps = (...ips: string[]) => ({
  ...podOf({ nodeName: 'n' }),
  status: { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) },
})
const node = { metadata: { name: 'n' }, spec: {} }
const withAddresses = (...addresses: object[]) => ({ ...node, status: { addresses } })
const hostname = { type: 'Hostname', address: 'n' }

const statuses: readonly (readonly [
  what: string,
  resource: string,
  before: object,
  after: object,
  fault: string,
])[] = [
  [
    'addresses of a pod',
    'pods',
    withIps(),
    withIps('10.0.0.1', '10.0.0.2'),
    'status.podIPs: Invalid value: [{"IP":"10.0.0.1"},{"IP":"10.0.0.2"}]: may specify no more than one IP for each IP family',
  ],
  [
    'an address of a pod',
    'pods',
    withIps(),
    withIps('10.0.0.1', '10.0.0.1'),
    'status.podIPs[1]: Duplicate value: {"IP":"10.0.0.1"}',
  ],
  [
    'an address of a node',
    'nodes',
    withAddresses(),
    withAddresses(hostname, hostname),
    'status.addresses[1]: Duplicate value: {"Type":"Hostname","Address":"n"}',
  ],
]

for (const [what, resource, before, after, fault] of statuses)
  test(`messages about a status print as Go does: ${what}`, () => {
    const found = statusFaults(resource, before, after)
    assert.ok(found.includes(fault), found.join('\n'))
  })

import { withSortedKeys } from '../machinery/go-json.ts'
import type { AnySchema, Field, ObjectSchema, Schema } from '../machinery/schema.ts'
import { unifiedDifference } from '../machinery/unified-difference.ts'
import { structSchema } from './fact-schemas.ts'

/*
 * Upstream's server keeps objects in a form of its own, whose types say nothing about JSON, and prints that form where
 * it shows a difference: each field under its Go name, whether it is set or not, in the order of the Go type.
 */

type Printed =
  | null
  | string
  | number
  | bigint
  | boolean
  | readonly Printed[]
  | { readonly [name: string]: Printed }

/** Names that are not the field's name in JSON with a capital letter. */
const goNames: Readonly<Record<string, string>> = {
  apiGroup: 'APIGroup',
  apiGroups: 'APIGroups',
  apiVersion: 'APIVersion',
  awsElasticBlockStore: 'AWSElasticBlockStore',
  cel: 'CEL',
  cephfs: 'CephFS',
  chapAuthDiscovery: 'DiscoveryCHAPAuth',
  chapAuthSession: 'SessionCHAPAuth',
  cidrs: 'CIDRs',
  csi: 'CSI',
  diskURI: 'DataDiskURI',
  dnsConfig: 'DNSConfig',
  dnsPolicy: 'DNSPolicy',
  endpoints: 'EndpointsName',
  fc: 'FC',
  fsGroup: 'FSGroup',
  fsGroupChangePolicy: 'FSGroupChangePolicy',
  fsType: 'FSType',
  gcePersistentDisk: 'GCEPersistentDisk',
  gmsaCredentialSpec: 'GMSACredentialSpec',
  gmsaCredentialSpecName: 'GMSACredentialSpecName',
  grpc: 'GRPC',
  httpGet: 'HTTPGet',
  httpHeaders: 'HTTPHeaders',
  ip: 'IP',
  ips: 'IPs',
  iqn: 'IQN',
  iscsi: 'ISCSI',
  iscsiInterface: 'ISCSIInterface',
  jsonPath: 'JSONPath',
  nfs: 'NFS',
  os: 'OS',
  pdName: 'PDName',
  rbd: 'RBD',
  seLinuxChangePolicy: 'SELinuxChangePolicy',
  seLinuxOptions: 'SELinuxOptions',
  sslEnabled: 'SSLEnabled',
  storageos: 'StorageOS',
  tcpSocket: 'TCPSocket',
  tty: 'TTY',
  uid: 'UID',
  url: 'URL',
  wwids: 'WWIDs',
}

const ofRbd = { monitors: 'CephMonitors', image: 'RBDImage', pool: 'RBDPool', user: 'RadosUser' }
const goNamesOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  DeviceAttribute: {
    int: 'IntValue',
    bool: 'BoolValue',
    string: 'StringValue',
    version: 'VersionValue',
    ints: 'IntValues',
    bools: 'BoolValues',
    strings: 'StringValues',
    versions: 'VersionValues',
  },
  JSONSchemaProps: { id: 'ID', $schema: 'Schema', $ref: 'Ref' },
  RBDVolumeSource: ofRbd,
  RBDPersistentVolumeSource: ofRbd,
}

const movedSources = [
  ['rbd', 'quobyte'],
  ['iscsi', 'flexVolume'],
] as const

/** Fields that stand elsewhere than in the served version: each is followed there by the ones behind it. */
const movedFields: Readonly<Record<string, readonly (readonly [after: string, ...fields: string[]])[]>> = {
  PodSpec: [
    ['subdomain', 'setHostnameAsFQDN'],
    ['priority', 'preemptionPolicy'],
    ['runtimeClassName', 'overhead'],
  ],
  JSONSchemaProps: [['type', 'nullable']],
  PodSecurityContext: [['fsGroup', 'fsGroupChangePolicy']],
  Volume: [['rbd', 'quobyte']],
  PersistentVolumeSource: movedSources,
  PersistentVolumeSpec: movedSources,
}

/** Of pods: what the server keeps within the security context. */
const hostFields = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace', 'hostUsers']
const droppedFields: Readonly<Record<string, readonly string[]>> = {
  PodSpec: [...hostFields, 'serviceAccount'],
}

/** A value of a type (`core.v1.PodSpec`) as upstream's server prints its own form of it; null where there is none. */
export function internalForm(type: string, value: object | undefined): Printed {
  return value ? objectForm(structSchema(type), value as Record<string, unknown>) : null
}

/** The same of a list. */
export function internalList(type: string, list: readonly object[] | undefined): Printed {
  return list ? list.map((item) => internalForm(type, item)) : null
}

/** The same of labels and other maps, which Go prints in the order of their keys. */
export function internalMap(map: Readonly<Record<string, string>> | undefined): Printed {
  return map ? (withSortedKeys(map) as Printed) : null
}

function objectForm(schema: ObjectSchema, value: Readonly<Record<string, unknown>>): Printed {
  const type = schema.name?.split('.').at(-1) ?? ''
  // Types of the machinery know how they are written, and their fields have no maps but of text.
  if (schema.name?.startsWith('io.k8s.apimachinery.')) return writtenForm(schema, value)
  const printed: Record<string, Printed> = {}
  for (const name of orderedFields(type, schema)) {
    const field = schema.fields[name]!
    if (isEmbedded(field)) Object.assign(printed, form(field.schema, value[name] ?? {}))
    else printed[goNameOf(type, name)] = fieldForm(field, contentOf(type, name, value))
  }
  return type === 'PodSecurityContext' ? { ...hostForm(value), ...printed } : printed
}

/** As in JSON. */
function writtenForm(schema: ObjectSchema, value: Readonly<Record<string, unknown>>): Printed {
  const written: Record<string, Printed> = {}
  for (const [name, field] of Object.entries(schema.fields)) {
    const content = value[name]
    if (isOmitted(field, content)) continue
    written[name] = (field.schema.type === 'map' ? withSortedKeys(content) : content) as Printed
  }
  return written
}

function isOmitted({ pointer, alwaysSerialized }: Field, content: unknown): boolean {
  if (content === undefined || content === null) return true
  if (pointer || alwaysSerialized) return false
  return typeof content === 'object' ? Object.keys(content).length === 0 : !content
}

/** Metadata is no field there: what it says stands beside the others. */
function isEmbedded({ schema }: Field): boolean {
  return schema.type === 'object' && schema.name?.endsWith('.ObjectMeta') === true
}

function contentOf(type: string, name: string, value: Readonly<Record<string, unknown>>): unknown {
  if (type !== 'PodSpec' || name !== 'securityContext') return value[name]
  const host = Object.fromEntries(hostFields.map((field) => [field, value[field]]))
  return { ...(value[name] as object | undefined), ...host }
}

function hostForm(context: Readonly<Record<string, unknown>>): Record<string, Printed> {
  const { fields } = structSchema('core.v1.PodSpec')
  return Object.fromEntries(
    hostFields.map((name) => [goNameOf('PodSpec', name), fieldForm(fields[name]!, context[name])]),
  )
}

function orderedFields(type: string, schema: ObjectSchema): readonly string[] {
  const dropped = droppedFields[type] ?? []
  let names = Object.keys(schema.fields).filter((name) => !dropped.includes(name))
  for (const [after, ...moved] of movedFields[type] ?? []) {
    names = names.filter((name) => !moved.includes(name))
    names.splice(names.indexOf(after) + 1, 0, ...moved)
  }
  return names
}

function goNameOf(type: string, name: string): string {
  return goNamesOf[type]?.[name] ?? goNames[name] ?? goFieldName(name)
}

/** The name in Go of a field by its name in JSON, where both follow the rule: `XListType` of `x-kubernetes-list-type`. */
export function goFieldName(name: string): string {
  const words = name.startsWith('x-kubernetes-') ? ['x', ...name.split('-').slice(2)] : [name]
  return words.map((word) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`).join('')
}

function fieldForm({ schema, pointer }: Field, value: unknown): Printed {
  return value === undefined || value === null ? (pointer ? null : zeroOf(schema)) : form(schema, value)
}

function form(schema: Schema, value: unknown): Printed {
  switch (schema.type) {
    case 'object':
      return objectForm(schema, value as Record<string, unknown>)
    case 'list':
      return (value as readonly unknown[]).map((item) => form(schema.items, item))
    case 'map':
      return Object.fromEntries(
        Object.entries(value as Record<string, unknown>)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, item]) => [key, form(schema.values, item)]),
      )
    case 'any':
      return anyForm(schema, value)
    default:
      return value as Printed
  }
}

/** The unions of apiextensions are structs there; other JSON is kept as maps. */
function anyForm({ holds, schema }: AnySchema, value: unknown): Printed {
  const schemaForm = (one: unknown) => objectForm(schema!, one as Record<string, unknown>)
  switch (holds) {
    case 'schemaOrArray':
      return Array.isArray(value)
        ? { Schema: null, JSONSchemas: value.map(schemaForm) }
        : { Schema: schemaForm(value), JSONSchemas: null }
    case 'schemaOrBool':
      return typeof value === 'boolean'
        ? { Allows: value, Schema: null }
        : { Allows: true, Schema: schemaForm(value) }
    case 'schemaOrStringArray':
      return Array.isArray(value)
        ? { Schema: null, Property: value as readonly string[] }
        : { Schema: schemaForm(value), Property: null }
    case 'json':
      return withSortedKeys(value) as Printed
    default:
      return value as Printed
  }
}

/** What stands in a field that nobody has set. */
function zeroOf(schema: Schema): Printed {
  switch (schema.type) {
    case 'object':
      return objectForm(schema, {})
    case 'string':
      return ''
    case 'boolean':
      return false
    case 'integer':
    case 'number':
    case 'intOrString':
      return 0
    case 'quantity':
    case 'duration':
      return '0'
    default:
      return null
  }
}

/** How two values of the type differ, as upstream tells those who may not change it. */
export function internalDifference(type: string, before: object, after: object): string {
  return unifiedDifference(internalForm(type, before), internalForm(type, after))
}

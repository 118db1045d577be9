/**
 * Compares the OpenAPI v2 document that this repository makes with upstream's:
 * `node scripts/compare-openapi.ts SWAGGER.json`. Prints what is missing, what differs and what is too much, for the
 * versions that are served here, and ends with 1 when anything is missing or differs.
 */
import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { allResources } from '../src/api/generated/resources.ts'
import { openApiV2Document } from '../src/api/openapi/document-v2.ts'
import { groupVersionPath, type OpenApiResource, type OpenApiSubresource } from '../src/api/openapi/input.ts'
import { versionsOf } from '../src/api/openapi/document-v3.ts'
import type { Resource } from '../src/machinery/resource.ts'

type Json = Record<string, unknown>

/** Parameters of alpha features that are not served. */
const notServed = new Set(['shardSelector'])

const allVerbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection']
const partVerbs = ['get', 'update', 'patch']
const scale = {
  name: 'scale',
  kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
  verbs: partVerbs,
}

/** What upstream serves beside the ordinary verbs; our own server says this through its registries. */
const verbsOf: Readonly<Record<string, readonly string[]>> = {
  bindings: ['create'],
  componentstatuses: ['get', 'list'],
  namespaces: allVerbs.filter((verb) => verb !== 'deletecollection'),
}
const withStatus = new Set(
  `namespaces nodes persistentvolumes persistentvolumeclaims pods replicationcontrollers resourcequotas services
   daemonsets deployments replicasets statefulsets horizontalpodautoscalers cronjobs jobs certificatesigningrequests
   flowschemas prioritylevelconfigurations ingresses servicecidrs poddisruptionbudgets resourceclaims
   volumeattachments validatingadmissionpolicies customresourcedefinitions apiservices`.split(/\s+/),
)
const withScale = new Set(['replicationcontrollers', 'deployments', 'replicasets', 'statefulsets'])
const core = (kind: string) => ({ group: '', version: 'v1', kind })
const extra: Readonly<Record<string, readonly OpenApiSubresource[]>> = {
  pods: [
    { name: 'attach', kind: core('PodAttachOptions'), verbs: ['connect'] },
    { name: 'binding', kind: core('Binding'), verbs: ['create'] },
    { name: 'ephemeralcontainers', kind: core('Pod'), verbs: partVerbs },
    { name: 'eviction', kind: { group: 'policy', version: 'v1', kind: 'Eviction' }, verbs: ['create'] },
    { name: 'exec', kind: core('PodExecOptions'), verbs: ['connect'] },
    { name: 'log', kind: core('Pod'), verbs: ['get'] },
    { name: 'portforward', kind: core('PodPortForwardOptions'), verbs: ['connect'] },
    { name: 'proxy', kind: core('PodProxyOptions'), verbs: ['connect'] },
    { name: 'resize', kind: core('Pod'), verbs: partVerbs },
  ],
  services: [{ name: 'proxy', kind: core('ServiceProxyOptions'), verbs: ['connect'] }],
  nodes: [{ name: 'proxy', kind: core('NodeProxyOptions'), verbs: ['connect'] }],
  namespaces: [{ name: 'finalize', kind: core('Namespace'), verbs: ['update'] }],
  serviceaccounts: [
    {
      name: 'token',
      kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
      verbs: ['create'],
    },
  ],
  certificatesigningrequests: [
    {
      name: 'approval',
      kind: { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest' },
      verbs: partVerbs,
    },
  ],
}

function servedAsUpstream(resource: Resource): OpenApiResource {
  const { group, version, kind } = resource
  const verbs = verbsOf[resource.resource] ?? (kind.endsWith('Review') ? ['create'] : allVerbs)
  const status = { name: 'status', kind: { group, version, kind }, verbs: partVerbs }
  return {
    resource,
    verbs,
    subresources: [
      ...(withStatus.has(resource.resource) ? [status] : []),
      ...(withScale.has(resource.resource) ? [scale] : []),
      ...(extra[resource.resource] ?? []),
    ],
  }
}

const [file] = process.argv.slice(2)
if (!file) throw new Error('usage: node scripts/compare-openapi.ts SWAGGER.json')
const upstream = JSON.parse(readFileSync(file, 'utf8')) as Json
const resources = allResources.filter(({ group }) => group !== 'metrics.k8s.io').map(servedAsUpstream)
const input = { version: 'unversioned', resources }
const ours = JSON.parse(JSON.stringify(openApiV2Document(input))) as Json
const served = new Set(versionsOf(input).map((version) => groupVersionPath(version)))

const faults: string[] = []
comparePaths(upstream.paths as Json, ours.paths as Json)
compareDefinitions(upstream.definitions as Json, ours.definitions as Json)
for (const fault of faults) console.log(fault)
console.log(`${faults.length} differences`)
process.exitCode = faults.length === 0 ? 0 : 1

function comparePaths(theirs: Json, own: Json): void {
  for (const [path, item] of Object.entries(theirs)) {
    const version = /^\/(api\/\w+|apis\/[^/]+\/\w+)\//.exec(path)?.[1]
    if ((version && !served.has(version)) || path.startsWith('/logs/')) continue
    const group = /^\/apis\/([^/]+)\/$/.exec(path)?.[1]
    if (group && ![...served].some((name) => name.startsWith(`apis/${group}/`))) continue
    const mine = own[path] as Json | undefined
    if (!mine) faults.push(`missing path ${path}`)
    else compareItem(path, item as Json, mine)
  }
  for (const path of Object.keys(own)) if (!(path in theirs)) faults.push(`extra path ${path}`)
}

function compareItem(path: string, theirs: Json, mine: Json): void {
  for (const method of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    if (method === 'parameters') continue
    const left = theirs[method] as Json | undefined
    const right = mine[method] as Json | undefined
    if (!left || !right) {
      faults.push(`${left ? 'missing' : 'extra'} ${method} ${path}`)
      continue
    }
    report(`${method} ${path}`, facts(left, theirs), facts(right, mine))
  }
}

/** An operation without its texts and without CBOR, which is not served. */
function facts(operation: Json, item: Json): Json {
  const parameters = [...list(operation.parameters), ...list(item.parameters)].map((parameter) => {
    const reference = (parameter as { $ref?: string }).$ref
    const shared = reference && (upstream.parameters as Json)[reference.replace('#/parameters/', '')]
    const { description: _, ...rest } = (shared ?? parameter) as Json
    return rest
  })
  const known = parameters.filter(({ name }) => !notServed.has(String(name)))
  const named = new Map(
    known.map((parameter) => [`${String(parameter.in)} ${String(parameter.name)}`, parameter]),
  )
  return {
    operationId: operation.operationId,
    action: operation['x-kubernetes-action'],
    kind: operation['x-kubernetes-group-version-kind'],
    tags: operation.tags,
    consumes: withoutCbor(operation.consumes),
    produces: withoutCbor(operation.produces),
    responses: operation.responses,
    parameters: Object.fromEntries([...named].sort(([left], [right]) => (left < right ? -1 : 1))),
  }
}

function withoutCbor(types: unknown): unknown[] {
  return list(types).filter((type) => !String(type).includes('cbor'))
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function compareDefinitions(theirs: Json, own: Json): void {
  for (const [name, definition] of Object.entries(own)) {
    if (name in theirs) report(name, withoutTexts(theirs[name], name), withoutTexts(definition, name))
    else faults.push(`extra definition ${name}`)
  }
  const reachable = new Set(Object.keys(own))
  for (const name of Object.keys(theirs)) {
    const [, group, version] = /^io\.k8s\.api\.(\w+)\.(\w+)\./.exec(name) ?? []
    const here = [...served].some(
      (path) =>
        path.endsWith(`/${version}`) &&
        path
          .split('/')
          .at(-2)
          ?.startsWith(group ?? '-'),
    )
    if (here && !reachable.has(name)) faults.push(`missing definition ${name}`)
  }
}

function withoutTexts(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => withoutTexts(item, name))
  const isEverywhere = /\.(DeleteOptions|WatchEvent)$/.test(name)
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => !(key === 'description' && typeof item === 'string'))
      .filter(([key]) => !(isEverywhere && key === 'x-kubernetes-group-version-kind'))
      .map(([key, item]) => [key, withoutTexts(item, name)]),
  )
}

function report(what: string, theirs: unknown, mine: unknown, place = ''): void {
  if (isDeepStrictEqual(theirs, mine)) return
  if (isObject(theirs) && isObject(mine)) {
    for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
      report(what, theirs[key], mine[key], `${place}/${key}`)
    }
    return
  }
  faults.push(`${what} ${place}: upstream ${JSON.stringify(theirs)}, ours ${JSON.stringify(mine)}`)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

import { createHash } from 'node:crypto'
import { schemaOf } from '../../api/scheme.ts'
import { goJsonLine } from '../../machinery/go-json.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Endpoint } from '../http/api-handler.ts'
import { headerOf, type HttpReply, type HttpRequest } from '../http/http-exchange.ts'
import { parseAccept } from '../../machinery/accept.ts'
import { negotiate } from '../http/negotiate.ts'
import { bytesReply, objectReply } from '../http/reply.ts'
import type { ObjectMediaType } from '../registry/media-types.ts'
import type { DiscoveredGroup, ServedGroups } from './discovered.ts'
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './documents.ts'

interface Snapshot {
  readonly generation: string
  readonly groups: readonly DiscoveredGroup[]
  /** Aggregated documents by path and version, as bytes with their ETag. */
  readonly aggregated: Map<string, { readonly bytes: Buffer; readonly etag: string }>
}

/** Serves `/api`, `/apis` and the documents below them. `serverAddress`: where clients in the cluster reach the server. */
export function discoveryEndpoint(served: ServedGroups, serverAddress: () => string): Endpoint {
  let snapshot: Snapshot | undefined

  function current(): Snapshot {
    const { generation } = served
    if (snapshot?.generation !== generation) {
      snapshot = { generation, groups: served.groups(), aggregated: new Map() }
    }
    return snapshot
  }

  return ({ request, info }) => {
    if (info.isResourceRequest) return undefined
    const segments = info.path.split('/').filter((segment) => segment !== '')
    const [root, ...rest] = segments
    if ((root !== 'api' && root !== 'apis') || request.method !== 'GET') return undefined
    if (rest.length === 0) {
      const form = aggregatedForm(request)
      if (form) return aggregatedReply(request, current(), root, form)
    }
    const document = documentAt(current().groups, root, rest, serverAddress)
    return document && documentReply(request, document)
  }
}

function documentAt(
  groups: readonly DiscoveredGroup[],
  root: 'api' | 'apis',
  rest: readonly string[],
  serverAddress: () => string,
): KubernetesObject | undefined {
  if (rest.length === 0) return root === 'api' ? apiVersions(serverAddress()) : apiGroupList(groups)
  const [name, version] = root === 'api' ? ['', rest[0]] : rest
  if (rest.length > (root === 'api' ? 1 : 2)) return undefined
  const group = groups.find((candidate) => candidate.name === name && (root === 'api') === (name === ''))
  if (!group || version === undefined) return group && apiGroup(group)
  const found = group.versions.find((candidate) => candidate.version === version)
  return found && apiResourceList(group, found)
}

async function documentReply(request: HttpRequest, document: KubernetesObject): Promise<HttpReply> {
  const schema = schemaOf({ group: '', version: 'v1', kind: document.kind ?? '' })
  return objectReply(request, 200, document, negotiate(request, { views: false, protobuf: true }), schema)
}

const aggregatedVersions = new Set(['v2', 'v2beta1'])

interface AggregatedForm {
  readonly version: string
  readonly mediaType: ObjectMediaType
}

const aggregatedMediaTypes: readonly ObjectMediaType[] = [
  'application/json',
  'application/vnd.kubernetes.protobuf',
]

/** The form of aggregated discovery that the client wants before the classic ones, if it does. */
function aggregatedForm(request: HttpRequest): AggregatedForm | undefined {
  const accept = headerOf(request.headers, 'accept') ?? ''
  if (!accept.includes('apidiscovery.k8s.io')) return undefined
  for (const { type, subtype, parameters } of parseAccept(accept)) {
    const mediaType = aggregatedMediaTypes.find((candidate) => candidate === `${type}/${subtype}`)
    const { as, g, v = '' } = parameters
    if (as === undefined && (mediaType || type === '*')) return undefined
    const isAggregated = as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io'
    if (mediaType && isAggregated && aggregatedVersions.has(v)) return { version: v, mediaType }
  }
  return undefined
}

async function aggregatedReply(
  request: HttpRequest,
  { groups, aggregated }: Snapshot,
  root: 'api' | 'apis',
  { version, mediaType }: AggregatedForm,
): Promise<HttpReply> {
  const key = `${root} ${version} ${mediaType}`
  let document = aggregated.get(key)
  if (!document) {
    const wanted = groups.filter(({ name }) => (root === 'api') === (name === ''))
    const list = aggregatedDiscovery(wanted, version)
    const json = Buffer.from(goJsonLine(list))
    const digest = createHash('sha512').update(json).digest('hex').toUpperCase()
    const bytes = mediaType === 'application/json' ? json : await inProtobuf(list)
    document = { bytes, etag: `"${digest}"` }
    aggregated.set(key, document)
  }
  const headers = {
    'content-type': `${mediaType};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
    'cache-control': 'public',
    vary: 'Accept',
    etag: document.etag,
  }
  if (headerOf(request.headers, 'if-none-match') === document.etag) return { status: 304, headers }
  return bytesReply(request, 200, headers, document.bytes)
}

/** The messages of both versions are the same. */
async function inProtobuf(list: KubernetesObject): Promise<Buffer> {
  const { encodeProtobuf } = await import('../../api/protobuf/envelope.ts')
  const kind = { group: 'apidiscovery.k8s.io', version: 'v2', kind: 'APIGroupDiscoveryList' }
  return encodeProtobuf(list, schemaOf(kind)!)
}

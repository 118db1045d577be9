import { createHash } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DocumentPart, DocumentParts, DocumentText } from '../../api/openapi/document-v2-parts.ts'
import type { JsonObject, OpenApiInput, OpenApiResource } from '../../api/openapi/input.ts'
import type { Clock } from '../../machinery/clock.ts'
import { keptBytes } from '../../store/large-value.ts'
import type { Endpoint } from '../http/api-handler.ts'
import { headerOf, type HttpReply, type HttpRequest } from '../http/http-exchange.ts'
import { parseAccept } from '../../machinery/accept.ts'
import { goJson } from '../../machinery/go-json.ts'
import { bytesReply, piecesReply } from '../http/reply.ts'
import type { ResourceTable } from '../registry/resource-table.ts'
import { discover, type DiscoveredGroup, type DiscoveredResource } from './discovered.ts'
import { versionInfo } from './version.ts'

/** Most are asked for once, and some are large: what is held of them is compressed. */
interface Document extends DocumentText {
  readonly etag: string
}

interface Snapshot {
  readonly input: OpenApiInput
  /** By path and media type; made when first asked for. */
  readonly documents: Map<string, Promise<Document | undefined>>
  readonly remote?: RemoteDocuments['openApi']
  /** Of the document of OpenAPI v2, whatever snapshot it is of. */
  readonly parts: DocumentParts
}

/** What other servers say of the APIs that they serve. */
export interface RemoteDocuments {
  /** Changes when the documents may. */
  readonly generation: string
  readonly openApi: {
    /** Undefined where there is nothing to add. */
    mergeV2(document: () => JsonObject): Promise<JsonObject | undefined>
    v3Entries(): Promise<JsonObject>
    v3Document(name: string): Promise<Buffer | undefined>
  }
}

/** Serves `/openapi/v2` and `/openapi/v3`. The code that writes the documents is loaded when somebody asks for one. */
export function openApiEndpoint(table: ResourceTable, clock: Clock, remote?: RemoteDocuments): Endpoint {
  let snapshot: Promise<Snapshot> | undefined
  let generation = ''
  const parts = { known: new Map<string, DocumentPart>(), keep: keptBytes, pause: () => nextTurn() }

  return ({ request, info }) => {
    if (!info.path.startsWith('/openapi/') || (request.method !== 'GET' && request.method !== 'HEAD'))
      return undefined
    const current = `${table.generation} ${remote?.generation ?? ''}`
    if (generation !== current) {
      generation = current
      snapshot = takeSnapshot(table, parts, remote)
    }
    if (info.path === '/openapi/v2') return replyV2(request, snapshot!)
    if (info.path === '/openapi/v3') return replyV3Index(request, snapshot!)
    const name = /^\/openapi\/v3\/(.+)$/.exec(info.path)?.[1]
    return name === undefined ? undefined : replyV3(request, snapshot!, name, clock.now())
  }
}

async function takeSnapshot(
  table: ResourceTable,
  parts: DocumentParts,
  remote?: RemoteDocuments,
): Promise<Snapshot> {
  const { installedDescriptions } = await import('../../api/openapi/installed-descriptions.ts')
  const descriptions = installedDescriptions()
  const input: OpenApiInput = {
    version: versionInfo.gitVersion,
    resources: discover(table).flatMap((group) => resourcesOf(table, group)),
    ...(descriptions && { descriptions }),
  }
  return { input, documents: new Map(), parts, ...(remote && { remote: remote.openApi }) }
}

function resourcesOf(
  table: ResourceTable,
  { name: group, versions }: DiscoveredGroup,
): readonly OpenApiResource[] {
  return versions.flatMap(({ version, resources }) =>
    resources.map((resource) => openApiResource(table, { group, version, resource })),
  )
}

function openApiResource(
  table: ResourceTable,
  found: { readonly group: string; readonly version: string; readonly resource: DiscoveredResource },
): OpenApiResource {
  const { group, version, resource } = found
  const served = table.find({ group, version, resource: resource.name })!
  const { definition, conversion } = served
  const { selectableLabels: selectableFields } = conversion?.own ?? definition
  const { publishedSchema: schema } = conversion ?? definition
  return {
    resource: served.resource,
    verbs: resource.verbs,
    subresources: resource.subresources,
    ...(served.isCustom && {
      custom: {
        listKind: definition.listKind ?? `${served.resource.kind}List`,
        ...(schema && { schema }),
        ...(selectableFields && { selectableFields }),
      },
    }),
  }
}

const oneYearMs = 365 * 24 * 3_600_000
const openApiJson = 'application/json'
const openApiV2Forms = [openApiJson, 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'] as const
const openApiV3Forms = [openApiJson, 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf'] as const

/** The most wanted of the forms there are; undefined when none is acceptable. Clients write protobuf's with an @, too. */
function wantedForm<Form extends string>(request: HttpRequest, forms: readonly Form[]): Form | undefined {
  const accept = (headerOf(request.headers, 'accept') ?? '').replaceAll('@v', '.v')
  if (accept === '') return forms[0]
  for (const { type, subtype } of parseAccept(accept)) {
    const form = forms.find((candidate) => {
      return (
        type === '*' || (type === 'application' && (subtype === '*' || candidate === `${type}/${subtype}`))
      )
    })
    if (form) return form
  }
  return undefined
}

function notAcceptableReply(): HttpReply {
  return { status: 406, headers: { 'content-length': 0 } }
}

async function replyV2(request: HttpRequest, snapshot: Promise<Snapshot>): Promise<HttpReply> {
  const { input, documents, remote, parts } = await snapshot
  const { encodeOpenApiV2, openApiV2Protobuf } = await import('../../api/openapi/encode-v2.ts')
  const { openApiV2Document } = await import('../../api/openapi/document-v2.ts')
  const { openApiV2Text } = await import('../../api/openapi/document-v2-parts.ts')
  const form = wantedForm(request, openApiV2Forms)
  if (!form) return notAcceptableReply()
  const isProtobuf = form !== openApiJson
  const document = await remembered(documents, `v2 ${isProtobuf}`, async () => {
    const merged = await remote?.mergeV2(() => openApiV2Document(input))
    if (isProtobuf) return kept(encodeOpenApiV2(merged ?? openApiV2Document(input)))
    // This one upstream writes by another encoder, which leaves the characters of HTML as they are.
    return merged ? kept(Buffer.from(JSON.stringify(merged))) : openApiV2Text(input, parts)
  })
  return documentReply(request, document!, {
    'content-type': isProtobuf ? openApiV2Protobuf : 'application/json',
    vary: 'Accept',
  })
}

async function replyV3Index(request: HttpRequest, snapshot: Promise<Snapshot>): Promise<HttpReply> {
  const { input, documents, remote } = await snapshot
  const { openApiV3Index } = await import('../../api/openapi/document-v3.ts')
  const document = await remembered(documents, 'v3', async () => {
    const local = openApiV3Index(input)
    const entries = await remote?.v3Entries()
    const index = entries ? { paths: { ...(local['paths'] as JsonObject), ...entries } } : local
    return kept(Buffer.from(goJson(index)))
  })
  return documentReply(request, document!, { 'content-type': 'application/json' })
}

async function replyV3(
  request: HttpRequest,
  snapshot: Promise<Snapshot>,
  name: string,
  now: number,
): Promise<HttpReply> {
  const { input, documents, remote } = await snapshot
  const form = wantedForm(request, openApiV3Forms)
  if (!form) return notAcceptableReply()
  const { openApiV3Document, openApiV3Hash, openApiV3Names, openApiV3Url } =
    await import('../../api/openapi/document-v3.ts')
  if (!openApiV3Names(input).includes(name)) {
    const json = await remote?.v3Document(name)
    if (!json) return { status: 404, headers: { 'content-length': 0 } }
    const bytes = form === openApiJson ? json : await inProtobuf(JSON.parse(json.toString()) as JsonObject)
    return bytesReply(request, 200, { 'content-type': form, vary: 'Accept' }, bytes)
  }
  const hash = request.query.get('hash')
  if (hash && hash !== openApiV3Hash(input, name)) {
    return { status: 301, headers: { location: openApiV3Url(input, name), 'content-length': 0 } }
  }
  const document = await remembered(documents, `v3 ${name} ${form}`, async () => {
    const value = openApiV3Document(input, name)
    if (!value) return undefined
    return kept(form === openApiJson ? Buffer.from(goJson(value)) : await inProtobuf(value))
  })
  if (!document) return { status: 404, headers: { 'content-length': 0 } }
  return documentReply(request, document, {
    'content-type': form,
    vary: 'Accept',
    // Under this address it never changes; clients need not even ask.
    ...(hash && { 'cache-control': 'public, immutable', expires: new Date(now + oneYearMs).toUTCString() }),
  })
}

async function inProtobuf(document: JsonObject): Promise<Buffer> {
  const { encodeOpenApiV3 } = await import('../../api/openapi/encode-v3.ts')
  return encodeOpenApiV3(document)
}

function remembered(
  documents: Snapshot['documents'],
  key: string,
  encode: () => Promise<DocumentText | undefined>,
): Promise<Document | undefined> {
  let document = documents.get(key)
  if (!document) {
    document = encode().then((text) => {
      if (!text) return undefined
      const hash = createHash('sha512')
      for (const piece of text.pieces()) hash.update(piece)
      return { ...text, etag: `"${hash.digest('hex').toUpperCase()}"` }
    })
    documents.set(key, document)
  }
  return document
}

function kept(bytes: Buffer): DocumentText {
  const held = keptBytes(bytes)
  return { length: bytes.length, pieces: () => [asBuffer(held.value)] }
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

async function documentReply(
  request: HttpRequest,
  { length, pieces, etag }: Document,
  headers: Readonly<Record<string, string>>,
): Promise<HttpReply> {
  if (headerOf(request.headers, 'if-none-match') === etag)
    return { status: 304, headers: { ...headers, etag } }
  return piecesReply(request, 200, { ...headers, etag }, { length, pieces: pieces() })
}

import { covers, parseAccept, wantsPretty, type AcceptClause } from '../../machinery/accept.ts'
import { notAcceptable } from '../../machinery/status-errors.ts'
import { objectMediaTypes, type ObjectMediaType } from '../registry/media-types.ts'
import { headerOf, type HttpRequest } from './http-exchange.ts'

/** The form that a client wants objects in. */
export interface WantedForm {
  readonly mediaType: ObjectMediaType
  readonly pretty: boolean
  /** Another view of the objects: a Table for people, or their metadata alone. */
  readonly view?: View
}

export interface View {
  readonly kind: 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'
  /** Of meta.k8s.io. */
  readonly version: 'v1' | 'v1beta1'
}

/** What an endpoint can do beside sending objects as they are. */
export interface Abilities {
  readonly views: boolean
  /** Whether one of the views is a Table: answers to questions have no columns. Default true. */
  readonly tables?: boolean
  /** Some kinds have none. */
  readonly protobuf: boolean
}

const remembered = new Map<string, WantedForm | undefined>()
const maxRemembered = 1000

/** Source: k8s.io/apiserver/pkg/endpoints/handlers/negotiation. Throws 406. */
export function negotiate(request: HttpRequest, abilities: Abilities): WantedForm {
  const accept = headerOf(request.headers, 'accept') ?? ''
  const { views, tables = true, protobuf } = abilities
  const key = `${views} ${tables} ${protobuf} ${accept}`
  let form = remembered.get(key)
  if (!form && !remembered.has(key)) {
    if (remembered.size >= maxRemembered) remembered.clear()
    form = chooseForm(accept, abilities)
    remembered.set(key, form)
  }
  if (!form) throw notAcceptable(offeredBy(abilities))
  return isPretty(request) ? { ...form, pretty: true } : form
}

const defaultForm: WantedForm = { mediaType: 'application/json', pretty: false }

function chooseForm(accept: string, abilities: Abilities): WantedForm | undefined {
  if (accept === '') return defaultForm
  for (const clause of parseAccept(accept)) {
    for (const mediaType of offeredBy(abilities)) {
      if (!covers(clause, mediaType)) continue
      const form = formOf(clause, mediaType, abilities)
      if (form) return form
    }
  }
  return undefined
}

function offeredBy({ protobuf }: Abilities): readonly ObjectMediaType[] {
  return protobuf ? objectMediaTypes : objectMediaTypes.slice(0, 2)
}

function formOf(
  { parameters }: AcceptClause,
  mediaType: ObjectMediaType,
  abilities: Abilities,
): WantedForm | undefined {
  const { as, g: group, v: version, stream, sv: serverVersion } = parameters
  if (stream && stream !== 'watch') return undefined
  if (serverVersion && serverVersion !== 'v1') return undefined
  const form = { mediaType, pretty: parameters['pretty'] === '1' }
  if (as === undefined && group === undefined && version === undefined) return form
  if (!abilities.views || group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1'))
    return undefined
  switch (as) {
    case 'Table':
      if (abilities.tables === false || mediaType === 'application/vnd.kubernetes.protobuf') return undefined
      return { ...form, view: { kind: as, version } }
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return { ...form, view: { kind: as, version } }
    default:
      return undefined
  }
}

function isPretty(request: HttpRequest): boolean {
  const wish = request.url.includes('pretty') ? request.query.get('pretty') : null
  return wantsPretty(wish, headerOf(request.headers, 'user-agent'))
}

/** The media type of a request's body, without parameters; JSON where none is given. */
export function bodyMediaType(request: HttpRequest): string {
  const header = headerOf(request.headers, 'content-type') ?? ''
  const mediaType = header.split(';', 1)[0]!.trim().toLowerCase()
  return mediaType === '' ? 'application/json' : mediaType
}

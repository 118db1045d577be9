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

interface Clause {
  readonly type: string
  readonly subtype: string
  readonly quality: number
  readonly parameters: Readonly<Record<string, string>>
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

function covers({ type, subtype }: Clause, mediaType: string): boolean {
  if (type === '*') return subtype === '*'
  const [ownType, ownSubtype] = mediaType.split('/')
  return type === ownType && (subtype === '*' || subtype === ownSubtype)
}

function formOf(
  { parameters }: Clause,
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

/** The clauses of an Accept header, the most wanted first. */
export function parseAccept(header: string): readonly Clause[] {
  const clauses = header.split(',').flatMap((text) => {
    const [range = '', ...parameterTexts] = text.split(';').map((part) => part.trim())
    const [type = '', subtype = '*'] = range.split('/')
    if (type === '' || (type === '*' && subtype !== '*')) return []
    const parameters = Object.fromEntries(parameterTexts.map(parseParameter))
    const quality = Number(parameters['q'] ?? 1)
    return [{ type, subtype, quality: Number.isNaN(quality) ? 1 : quality, parameters }]
  })
  return clauses.sort((a, b) => b.quality - a.quality)
}

function parseParameter(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()]
}

/** People at a browser or with curl get indentation, unless they say otherwise. */
function isPretty(request: HttpRequest): boolean {
  if (request.url.includes('pretty')) {
    const wish = request.query.get('pretty')
    if (wish) return /^(1|t|T|true|TRUE|True)$/.test(wish)
  }
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headerOf(request.headers, 'user-agent') ?? '')
}

/** The media type of a request's body, without parameters; JSON where none is given. */
export function bodyMediaType(request: HttpRequest): string {
  const header = headerOf(request.headers, 'content-type') ?? ''
  const mediaType = header.split(';', 1)[0]!.trim().toLowerCase()
  return mediaType === '' ? 'application/json' : mediaType
}

import { BodyError, decodeJsonBody, decodeProtobufBody, decodeYamlBody } from '../../api/decode-body.ts'
import { schemaOf } from '../../api/scheme.ts'
import { escapeFieldValue } from '../../machinery/field-selector.ts'
import type { DeleteOptions } from '../../machinery/meta.ts'
import { badRequest, unsupportedMediaType } from '../../machinery/status-errors.ts'
import type { RequestInfo } from '../request-info.ts'
import { objectMediaTypes, patchMediaTypes, type ObjectMediaType } from '../registry/media-types.ts'
import { verbNotAllowed } from '../registry/dispatch.ts'
import type { Body, ListOptions, RequestAction } from '../registry/request.ts'
import type { HttpRequest } from './http-exchange.ts'
import { bodyMediaType } from './negotiate.ts'
import { readDeleteOptions, readListOptions, readPatchOptions, readWriteOptions } from './query-options.ts'

/** As upstream's --max-request-body-bytes. */
const maxBodyBytes = 3 * 1024 * 1024

/** What a request for a resource does, with its options and its body. `isCustom`: the kind has no strategic merge. */
export async function readAction(
  request: HttpRequest,
  info: RequestInfo,
  isCustom: boolean,
): Promise<RequestAction> {
  const { query } = request
  switch (info.verb) {
    case 'get': {
      const resourceVersion = query.get('resourceVersion')
      return { verb: 'get', options: resourceVersion ? { resourceVersion } : {} }
    }
    case 'list':
    case 'watch':
      return { verb: info.verb, options: namedInPath(info, readListOptions(query)) }
    case 'create':
    case 'update':
      return { verb: info.verb, body: await readBody(request), options: readWriteOptions(query) }
    case 'patch': {
      const type = patchType(request, isCustom)
      const options = readPatchOptions(query)
      return { verb: 'patch', patch: { type, bytes: await request.body(maxBodyBytes) }, options }
    }
    case 'delete':
      return { verb: 'delete', options: await readDelete(request) }
    case 'deletecollection': {
      const listOptions = readListOptions(query)
      return { verb: 'deletecollection', options: await readDelete(request), listOptions }
    }
    default:
      throw verbNotAllowed()
  }
}

/** `/api/v1/watch/.../pods/a`: the old way to watch one object. Throws BadRequest when the selector means another. */
function namedInPath(info: RequestInfo, options: ListOptions): ListOptions {
  const name = info.parts[1]
  if (!name) return options
  const selector = `metadata.name=${escapeFieldValue(name)}`
  if (options.fieldSelector && options.fieldSelector !== selector) {
    throw badRequest("fieldSelector metadata.name doesn't match requested name")
  }
  return { ...options, fieldSelector: selector }
}

async function readBody(request: HttpRequest): Promise<Body> {
  const mediaType = bodyMediaType(request)
  if (!(objectMediaTypes as readonly string[]).includes(mediaType))
    throw unsupportedMediaType(objectMediaTypes)
  return { type: 'bytes', mediaType, bytes: await request.body(maxBodyBytes) }
}

function patchType(request: HttpRequest, isCustom: boolean) {
  const mediaType = bodyMediaType(request)
  const type = Object.hasOwn(patchMediaTypes, mediaType)
    ? patchMediaTypes[mediaType as keyof typeof patchMediaTypes]
    : undefined
  if (type && !(isCustom && type === 'strategic')) return type
  const supported = Object.keys(patchMediaTypes).filter((name) => !isCustom || !name.includes('strategic'))
  throw unsupportedMediaType(supported)
}

const bodyDecoders: Readonly<Record<ObjectMediaType, typeof decodeJsonBody>> = {
  'application/json': decodeJsonBody,
  'application/yaml': decodeYamlBody,
  'application/vnd.kubernetes.protobuf': decodeProtobufBody,
}

const deleteOptionsKind = { group: 'meta.k8s.io', version: 'v1', kind: 'DeleteOptions' }

/** From the body if there is one, else from the query. */
async function readDelete(request: HttpRequest): Promise<DeleteOptions> {
  const bytes = await request.body(maxBodyBytes)
  if (bytes.length === 0) return readDeleteOptions(request.query)
  const decodeBody = bodyDecoders[bodyMediaType(request) as ObjectMediaType]
  if (!decodeBody) throw unsupportedMediaType(objectMediaTypes)
  const schema = schemaOf({ group: '', version: 'v1', kind: 'DeleteOptions' })
  const options = {
    defaultKind: deleteOptionsKind,
    // They are the same in every group and version.
    schemaOf: (kind: { readonly kind: string }) => (kind.kind === 'DeleteOptions' ? schema : undefined),
  }
  try {
    const { object } = decodeBody(bytes, options)
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = object
    return rest as DeleteOptions
  } catch (error) {
    if (error instanceof BodyError) throw badRequest(error.message)
    throw error
  }
}

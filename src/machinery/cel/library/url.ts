import { CelError } from '../error.ts'
import { structType } from '../types.ts'
import { ArrayList } from '../values/list.ts'
import { EntriesMap } from '../values/map.ts'
import { CelOpaque } from '../values/opaque.ts'
import type { CelValue } from '../values/value.ts'
import { globalFunction, memberFunction, type Library } from './function.ts'
import { GoUrlError, hostnameOf, parseRequestUri, portOf, queryOf, type GoUrl } from './go-url.ts'

/** Source: k8s.io/apiserver/pkg/cel/library/urls.go. */

const urlType = structType('kubernetes.URL')

class CelUrl extends CelOpaque {
  override readonly type = urlType
  readonly text: string
  readonly url: GoUrl

  constructor(text: string, url: GoUrl) {
    super()
    this.text = text
    this.url = url
  }

  override equals(other: CelValue): boolean {
    return other instanceof CelUrl && this.text === other.text
  }
}

function parse(text: string): CelUrl {
  try {
    return new CelUrl(text, parseRequestUri(text))
  } catch (error) {
    if (!(error instanceof GoUrlError)) throw error
    throw new CelError(`URL parse error during conversion from string: ${error.message}`)
  }
}

function isUrl(text: string): boolean {
  try {
    parseRequestUri(text)
    return true
  } catch (error) {
    if (error instanceof GoUrlError) return false
    throw error
  }
}

function query({ url }: CelUrl): EntriesMap {
  return new EntriesMap(Array.from(queryOf(url), ([name, values]) => [name, new ArrayList(values)]))
}

const type = 'kubernetes.URL'

export const urlLibrary: Library = {
  since: 0,
  types: [urlType],
  functions: [
    globalFunction('url', 'string_to_url', ['string'], type, parse),
    memberFunction('getScheme', 'url_get_scheme', [type], 'string', ({ url }: CelUrl) => url.scheme),
    memberFunction('getHost', 'url_get_host', [type], 'string', ({ url }: CelUrl) => url.host),
    memberFunction('getHostname', 'url_get_hostname', [type], 'string', ({ url }: CelUrl) => hostnameOf(url)),
    memberFunction('getPort', 'url_get_port', [type], 'string', ({ url }: CelUrl) => portOf(url)),
    memberFunction(
      'getEscapedPath',
      'url_get_escaped_path',
      [type],
      'string',
      ({ url }: CelUrl) => url.escapedPath,
    ),
    memberFunction('getQuery', 'url_get_query', [type], 'map(string, list(string))', query),
    globalFunction('isURL', 'is_url_string', ['string'], 'bool', isUrl),
  ],
}

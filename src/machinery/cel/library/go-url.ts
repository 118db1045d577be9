import { goQuote } from '../../go-format.ts'

/** A URL as Go's net/url reads it, which differs from what browsers do. */
export interface GoUrl {
  readonly scheme: string
  /** With the port. */
  readonly host: string
  readonly escapedPath: string
  readonly rawQuery: string
}

/** Worded as net/url. */
export class GoUrlError extends Error {
  constructor(url: string, problem: string) {
    super(`parse ${goQuote(url)}: ${problem}`)
    this.name = 'GoUrlError'
  }
}

/** url.ParseRequestURI: absolute, or a path from the root; throws a GoUrlError. A fragment is split off. */
export function parseRequestUri(url: string): GoUrl {
  const fail = (problem: string): never => {
    throw new GoUrlError(url, problem)
  }
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(url)) fail('net/url: invalid control character in URL')
  if (url === '') fail('empty url')
  if (url === '*') return { scheme: '', host: '', escapedPath: '*', rawQuery: '' }
  if (url.startsWith(':')) fail('missing protocol scheme')
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase() ?? ''
  const afterScheme = scheme === '' ? url : url.slice(scheme.length + 1)
  if (!afterScheme.startsWith('/') && scheme === '') fail('invalid URI for request')
  const beforeFragment = afterScheme.split('#', 1)[0]!
  const question = beforeFragment.indexOf('?')
  const rest = question < 0 ? beforeFragment : beforeFragment.slice(0, question)
  const rawQuery = question < 0 ? '' : beforeFragment.slice(question + 1)
  if (!rest.startsWith('/')) return { scheme, host: '', escapedPath: '', rawQuery }
  const hasAuthority = rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))
  const slash = hasAuthority ? rest.indexOf('/', 2) : 0
  const authority = hasAuthority ? rest.slice(2, slash < 0 ? undefined : slash) : ''
  const path = slash < 0 ? '' : rest.slice(slash)
  checkEscapes(path, fail)
  return { scheme, host: parseHost(authority, fail), escapedPath: escapePath(path), rawQuery }
}

/** A URL with all that a request for it leaves out. */
export interface GoUrlReference extends GoUrl {
  /** As it is written; undefined where there is none. */
  readonly userinfo: string | undefined
  readonly fragment: string
}

/** url.Parse: absolute or relative; throws a GoUrlError. */
export function parseUrl(url: string): GoUrlReference {
  const [whole = '', ...more] = url.split('#')
  const fragment = more.join('#')
  const fail = (problem: string): never => {
    throw new GoUrlError(whole, problem)
  }
  // oxlint-disable-next-line no-control-regex
  if (/[\x00-\x1f\x7f]/.test(whole)) fail('net/url: invalid control character in URL')
  if (whole.startsWith(':')) fail('missing protocol scheme')
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(whole)?.[1] ?? ''
  const [rest = '', ...queries] = (scheme === '' ? whole : whole.slice(scheme.length + 1)).split('?')
  const parsed = { scheme: scheme.toLowerCase(), rawQuery: queries.join('?'), fragment }
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...parsed, host: '', escapedPath: '', userinfo: undefined }
    if (rest.split('/', 1)[0]!.includes(':')) fail('first path segment in URL cannot contain colon')
  }
  const hasAuthority = rest.startsWith('//') && (scheme !== '' || !rest.startsWith('///'))
  const slash = hasAuthority ? rest.indexOf('/', 2) : 0
  const authority = hasAuthority ? rest.slice(2, slash < 0 ? undefined : slash) : ''
  const host = parseHost(authority, fail)
  const at = authority.lastIndexOf('@')
  const path = slash < 0 ? '' : rest.slice(slash)
  checkEscapes(path, fail)
  const userinfo = at < 0 ? undefined : authority.slice(0, at)
  return { ...parsed, host, escapedPath: escapePath(path), userinfo }
}

function checkEscapes(path: string, fail: (problem: string) => never): void {
  const escape = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(path)
  if (escape) fail(`invalid URL escape ${goQuote(escape[0])}`)
}

function parseHost(authority: string, fail: (problem: string) => never): string {
  const at = authority.lastIndexOf('@')
  if (at >= 0 && !/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(authority.slice(0, at))) {
    fail('net/url: invalid userinfo')
  }
  const host = authority.slice(at + 1)
  const bracket = host.lastIndexOf(']')
  if (host.startsWith('[') && bracket < 0) fail("missing ']' in host")
  const colon = host.startsWith('[') ? bracket + 1 : host.lastIndexOf(':')
  const port = colon < 0 ? '' : host.slice(colon)
  if (!/^(?::[0-9]*)?$/.test(port)) fail(`invalid port ${goQuote(port)} after host`)
  const wrong = /[ "<>\\^`{|}]/.exec(host)
  if (wrong) fail(`invalid character ${goQuote(wrong[0])} in host name`)
  return host
}

/** Everything that a path may not have is escaped; what is escaped stays so. */
function escapePath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%[\]]+/g, (text) =>
    Array.from(Buffer.from(text), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

export function hostnameOf({ host }: GoUrl): string {
  const withoutPort = host.replace(/:[0-9]*$/, '')
  return withoutPort.startsWith('[')
    ? withoutPort.slice(1, -1)
    : host.startsWith('[')
      ? host.slice(1, -1)
      : withoutPort
}

export function portOf({ host }: GoUrl): string {
  return /:([0-9]*)$/.exec(host)?.[1] ?? ''
}

/** url.Query: pairs that cannot be read are left out. */
export function queryOf({ rawQuery }: GoUrl): Map<string, string[]> {
  const query = new Map<string, string[]>()
  for (const pair of rawQuery.split('&')) {
    if (pair === '' || pair.includes(';')) continue
    const equals = pair.indexOf('=')
    const name = unescapeQuery(equals < 0 ? pair : pair.slice(0, equals))
    const value = unescapeQuery(equals < 0 ? '' : pair.slice(equals + 1))
    if (name === undefined || value === undefined) continue
    query.set(name, [...(query.get(name) ?? []), value])
  }
  return query
}

function unescapeQuery(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined
  const bytes = text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9a-fA-F]{2})+/g, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString())
  return bytes
}

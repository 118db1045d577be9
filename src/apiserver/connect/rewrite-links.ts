/** Where links of a proxied page must lead. */
export interface LinkTarget {
  /** The backend's root, seen through this server: `/api/v1/namespaces/a/services/web/proxy`. */
  readonly prefix: string
  /** Links to this host are links within the page's site. */
  readonly backendHost: string
}

/** Attributes that hold links, by element. Source: k8s.io/apimachinery/pkg/util/proxy/transport.go. */
const linkAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
}

const comment = /<!--[^]*?-->/
const startTag = /<[a-zA-Z][^\s/>]*(?:"[^"]*"|'[^']*'|[^"'>])*>/
const markup = new RegExp(`${comment.source}|${startTag.source}`, 'g')
const attribute = /([^\s"'<>/=]+)(\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+))/g

/** A page in which every absolute link within the site leads through the proxy. */
export function rewriteLinks(html: string, target: LinkTarget): string {
  return html.replace(markup, (tag) => {
    const element = /^<([a-zA-Z][^\s/>]*)/.exec(tag)?.[1]?.toLowerCase() ?? ''
    const names = linkAttributes[element]
    return names ? rewriteAttributes(tag, names, target) : tag
  })
}

function rewriteAttributes(tag: string, names: readonly string[], target: LinkTarget): string {
  return tag.replace(
    attribute,
    (whole, name: string, equals: string, ...values: readonly (string | undefined)[]) => {
      if (!names.includes(name.toLowerCase())) return whole
      const url = values[0] ?? values[1] ?? values[2] ?? ''
      const rewritten = rewriteUrl(url, target)
      const quote = values[1] === undefined ? '"' : "'"
      return rewritten === url ? whole : `${name}${equals}${quote}${rewritten}${quote}`
    },
  )
}

/** A link of the backend, as it is reached through the proxy; relative links and those to other hosts stay. */
export function rewriteUrl(url: string, { prefix, backendHost }: LinkTarget): string {
  const match = /^(?:https?:)?\/\/([^/?#]*)(.*)$/.exec(url)
  const path = match ? match[2]! : url
  if (match && match[1] !== backendHost) return url
  if (!match && !path.startsWith('/')) return url
  if (path === prefix || path.startsWith(`${prefix}/`)) return path
  return prefix.replace(/\/$/, '') + (path.startsWith('/') ? path : `/${path}`)
}

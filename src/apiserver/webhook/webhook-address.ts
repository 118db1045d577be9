import { isIP } from 'node:net'
import { posix } from 'node:path'
import type { WebhookClientConfig } from '../../api/generated/admissionregistration.v1.ts'

/** Where a webhook is called, as its configuration says. */
export interface WebhookAddress {
  /** `https://hooks.default.svc:443/mutate?timeout=10s`: as in messages. */
  readonly url: string
  /** Path and query. */
  readonly path: string
  /** Host header. */
  readonly authority: string
  /** Whom the certificate must be for; `''` to check the address that is dialled. */
  readonly serverName: string
  readonly target:
    | { readonly type: 'service'; readonly namespace: string; readonly name: string; readonly port: number }
    | { readonly type: 'host'; readonly host: string; readonly port: number }
}

const defaultPort = 443

/** Source: k8s.io/apiserver/pkg/util/webhook/client.go. Throws an Error with upstream's text for a configuration without either. */
export function webhookAddress(
  { url, service }: Pick<WebhookClientConfig, 'url' | 'service'>,
  timeoutSeconds: number,
): WebhookAddress {
  if (service) {
    const { namespace, name, path = '', port = defaultPort } = service
    const serverName = `${name}.${namespace}.svc`
    const target = { type: 'service', namespace, name, port } as const
    return { ...located(`${serverName}:${port}`, path, timeoutSeconds), serverName, target }
  }
  if (!url) throw new Error('webhook configuration must have either service or URL')
  const parsed = parseUrl(url)
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = parsed.port === '' ? defaultPort : Number(parsed.port)
  return {
    ...located(parsed.host, decodeURI(parsed.pathname), timeoutSeconds),
    serverName: isIP(host) === 0 ? host : '',
    target: { type: 'host', host, port },
  }
}

function parseUrl(url: string): URL {
  try {
    return new URL(url)
  } catch (error) {
    throw new Error(`Unparsable URL: ${String(error)}`, { cause: error })
  }
}

function located(authority: string, path: string, timeoutSeconds: number) {
  const clean = posix.join('/', path).replace(/(.)\/$/, '$1')
  const target = `${encodeURI(clean)}?timeout=${timeoutSeconds}s`
  return { url: `https://${authority}${target}`, path: target, authority }
}

import { goQuote } from '../../machinery/go-format.ts'
import type { Endpoint } from '../http/api-handler.ts'
import type { HttpReply, HttpRequest } from '../http/http-exchange.ts'
import { textReply } from '../http/reply.ts'

/** One thing that must be well. */
export interface HealthCheck {
  readonly name: string
  /** What is wrong; undefined while it is well. */
  check(): Promise<string | undefined>
  /** For /readyz only: the server may well live without it. */
  readonly readinessOnly?: boolean
}

const roots = ['healthz', 'livez', 'readyz'] as const
type Root = (typeof roots)[number]

/** Serves `/healthz`, `/livez`, `/readyz` and each check below them. Source: k8s.io/apiserver/pkg/server/healthz. */
export function healthEndpoint(checks: () => readonly HealthCheck[]): Endpoint {
  return ({ request, info }) => {
    const [root, name, ...rest] = info.path.split('/').filter((segment) => segment !== '')
    if (!isRoot(root) || info.isResourceRequest) return undefined
    const own = checks().filter(({ readinessOnly }) => root === 'readyz' || !readinessOnly)
    if (name === undefined) return replyOf(request, root, own)
    // A check may have a slash in its name: poststarthook/bootstrap.
    const check = own.find((candidate) => candidate.name === [name, ...rest].join('/'))
    return check && singleReply(root, check)
  }
}

function isRoot(text: string | undefined): text is Root {
  return roots.includes(text as Root)
}

async function singleReply(root: Root, { name, check }: HealthCheck): Promise<HttpReply> {
  const fault = await check()
  if (fault === undefined) return textReply(200, 'ok')
  return textReply(500, `internal server error: ${root} check ${name} failed: ${fault}\n`)
}

async function replyOf(request: HttpRequest, root: Root, checks: readonly HealthCheck[]): Promise<HttpReply> {
  const excluded = new Set(request.query.getAll('exclude'))
  let text = ''
  let failed = false
  for (const { name, check } of checks) {
    if (excluded.delete(name)) {
      text += `[+]${name} excluded: ok\n`
      continue
    }
    const fault = await check()
    failed ||= fault !== undefined
    // Who may ask for health may not be one to be told what is wrong.
    text += fault === undefined ? `[+]${name} ok\n` : `[-]${name} failed: reason withheld\n`
  }
  if (excluded.size > 0) {
    const names = Array.from(excluded, (name) => goQuote(name)).join()
    text += `warn: some health checks cannot be excluded: no matches for ${names}\n`
  }
  if (failed) return textReply(500, `${text}${root} check failed\n`)
  return textReply(200, request.query.has('verbose') ? `${text}${root} check passed\n` : 'ok')
}

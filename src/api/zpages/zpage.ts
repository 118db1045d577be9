import { covers, parseAccept, wantsPretty, type AcceptClause } from '../../machinery/accept.ts'
import { goJson, goJsonLine } from '../../machinery/go-json.ts'
import { toYaml } from '../../machinery/go-yaml.ts'
import { notAcceptable } from '../../machinery/status-errors.ts'

/** A page of a component about itself, as text for people or as an object. */
export interface ZPage {
  readonly path: `/${string}`
  readonly kind: 'Statusz' | 'Flagz'
  /** Whose page it is. */
  readonly component: string
  /** The lines below the heading. */
  text(): string
  /** What stands beside `metadata` in the object. */
  fields(): object
}

export interface ZPageRequest {
  readonly accept: string | undefined
  readonly userAgent: string | undefined
  /** The query's `pretty`. */
  readonly pretty: string | null
}

export interface ZPageAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

type StructuredType = 'application/json' | 'application/yaml'
type Version = 'v1alpha1' | 'v1beta1'

const textType = 'text/plain'
const structuredTypes: readonly StructuredType[] = ['application/json', 'application/yaml']
const mediaTypes = [...structuredTypes, textType] as const
const group = 'config.k8s.io'

/** Source: k8s.io/apiserver/pkg/server/statusz and flagz. Objects only for who names their kind; else there is text. */
export function answerZPage(page: ZPage, request: ZPageRequest): ZPageAnswer {
  const { accept = '' } = request
  if (accept.trim() === '') return textOf(page)
  for (const clause of parseAccept(accept)) {
    for (const mediaType of mediaTypes) {
      if (!covers(clause, mediaType) || clause.parameters['stream'] || clause.parameters['sv']) continue
      if (mediaType === textType) {
        if (!namesKind(clause)) return textOf(page)
        continue
      }
      const version = versionOf(clause, page)
      if (version) return objectOf(page, version, mediaType, isPretty(clause, request))
    }
  }
  return refusal(request)
}

function namesKind({ parameters }: AcceptClause): boolean {
  return ['as', 'g', 'v'].some((name) => parameters[name] !== undefined)
}

function versionOf({ parameters }: AcceptClause, { kind }: ZPage): Version | undefined {
  const { as, g, v } = parameters
  return as === kind && g === group && (v === 'v1alpha1' || v === 'v1beta1') ? v : undefined
}

function isPretty({ parameters }: AcceptClause, { pretty, userAgent }: ZPageRequest): boolean {
  return parameters['pretty'] === '1' || wantsPretty(pretty, userAgent)
}

function textOf({ component, path, text }: ZPage): ZPageAnswer {
  const warning =
    'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is ' +
    'for debugging purposes only.'
  const body = `\n${component} ${path.slice(1)}\n${warning}\n${text()}`
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body }
}

function objectOf(page: ZPage, version: Version, mediaType: StructuredType, pretty: boolean): ZPageAnswer {
  const { kind, component, path } = page
  const object = {
    kind,
    apiVersion: `${group}/${version}`,
    metadata: { name: component },
    ...page.fields(),
  }
  const warning =
    version === 'v1alpha1' &&
    `299 - "This version of the ${path.slice(1)} endpoint is deprecated. Please use a newer version."`
  return {
    status: 200,
    headers: { 'content-type': mediaType, ...(warning && { warning }) },
    body: serialize(object, mediaType, pretty),
  }
}

/** A Status, in a form that the client would take if it asked for any object. */
function refusal(request: ZPageRequest): ZPageAnswer {
  const { status } = notAcceptable(mediaTypes)
  for (const clause of parseAccept(request.accept ?? '')) {
    const mediaType = namesKind(clause) ? undefined : structuredTypes.find((type) => covers(clause, type))
    if (!mediaType) continue
    const body = serialize(status, mediaType, isPretty(clause, request))
    return { status: 406, headers: { 'content-type': mediaType }, body }
  }
  const body = goJson(status, 2)
  return { status: 406, headers: { 'content-type': 'application/json' }, body }
}

function serialize(object: object, mediaType: StructuredType, pretty: boolean): string {
  if (mediaType === 'application/yaml') return toYaml(object)
  return pretty ? goJson(object, 2) : goJsonLine(object)
}

/** What a path of the kubelet's API asks for. */
export type Route =
  | {
      readonly type:
        | 'healthz'
        | 'pods'
        | 'runningPods'
        | 'configz'
        | 'summary'
        | 'metrics'
        | 'resourceMetrics'
        | 'cadvisorMetrics'
        | 'probeMetrics'
        | 'zpage'
    }
  /** A path below the machine's logs, with a `/` in front. */
  | { readonly type: 'systemLogs'; readonly path: string }
  /** Namespace, pod, container. */
  | { readonly type: 'containerLogs'; readonly parts: readonly string[] }
  | {
      readonly type: 'exec' | 'attach' | 'run' | 'portForward'
      readonly namespace: string
      readonly pod: string
      readonly uid?: string
      /** `''` for a port-forward. */
      readonly container: string
    }

const fixed: Readonly<Record<string, Route>> = {
  '/healthz': { type: 'healthz' },
  '/healthz/ping': { type: 'healthz' },
  '/healthz/syncloop': { type: 'healthz' },
  '/pods': { type: 'pods' },
  '/runningpods': { type: 'runningPods' },
  '/configz': { type: 'configz' },
  '/stats/summary': { type: 'summary' },
  '/metrics': { type: 'metrics' },
  '/metrics/resource': { type: 'resourceMetrics' },
  '/metrics/cadvisor': { type: 'cadvisorMetrics' },
  '/metrics/probes': { type: 'probeMetrics' },
  '/statusz': { type: 'zpage' },
  '/flagz': { type: 'zpage' },
}

/** Paths that are served as they are: what /statusz names. */
export const listedPaths: readonly string[] = [
  ...Object.keys(fixed).filter((path) => fixed[path]?.type !== 'zpage'),
  '/logs',
  '/containerLogs',
  '/exec',
  '/attach',
  '/run',
  '/portForward',
]

/** Undefined for a path that is not served. Source: upstream's pkg/kubelet/server/server.go. */
export function routeOf(path: string): Route | undefined {
  if (path.startsWith('/logs/')) return { type: 'systemLogs', path: decodeURIComponent(path.slice(5)) }
  const known = fixed[path.length > 1 ? path.replace(/\/+$/, '') : path]
  if (known) return known
  const [first, ...encoded] = path.split('/').filter((part) => part !== '')
  const parts = encoded.map(decodeURIComponent)
  const [namespace, pod, third, fourth] = parts
  if (namespace === undefined || pod === undefined) return undefined
  switch (first) {
    case 'containerLogs':
      return parts.length === 3 ? { type: 'containerLogs', parts } : undefined
    case 'exec':
    case 'attach':
    case 'run': {
      if (parts.length === 3) return { type: first, namespace, pod, container: third! }
      if (parts.length === 4) return { type: first, namespace, pod, uid: third!, container: fourth! }
      return undefined
    }
    case 'portForward':
      if (parts.length > 3) return undefined
      return {
        type: 'portForward',
        namespace,
        pod,
        container: '',
        ...(third !== undefined && { uid: third }),
      }
    default:
      return undefined
  }
}

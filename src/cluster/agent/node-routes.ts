import type { Node } from '../../api/generated/core.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import type { Cancel } from '../../machinery/clock.ts'
import { run } from '../machine/command.ts'
import { routeProtocol } from '../machine/network.ts'

export interface NodeRoutesOptions {
  /** Whose routes are kept: a node's own pods need none. Absent for the host. */
  readonly nodeName?: string
  /** Only nodes in this subnet are reached directly. */
  readonly reachable: (address: string) => boolean
  /** Further routes, made from the nodes that are there. */
  readonly also?: (nodes: readonly Node[]) => Routes
}

/** Destination to next hop. */
export type Routes = ReadonlyMap<string, string>

const retryMs = 1000

/** Keeps a route to each other node's pods, in the network namespace of this process, until stopped. */
export function startNodeRoutes(context: ComponentContext, options: NodeRoutesOptions): RunningComponent {
  const { clock, log } = context
  const cache = context.informers.informer(nodes)
  let present: Routes | undefined
  let running: Promise<void> | undefined
  let again = false
  let retry: Cancel | undefined
  let fault: string | undefined = 'not synced yet'
  let stopped = false
  const ready = Promise.withResolvers<void>()

  function look(): void {
    if (stopped || !cache.hasSynced) return
    if (running) {
      again = true
      return
    }
    running = keep().finally(() => {
      running = undefined
      if (!again) return
      again = false
      look()
    })
  }

  async function keep(): Promise<void> {
    const wanted = wantedRoutes(cache.list(), options)
    try {
      present ??= ownRoutes(await listRoutes(), options.reachable)
      const lines = routeChanges(present, wanted)
      if (lines.length > 0) await run('ip', ['-force', '-batch', '-'], { stdin: lines.join('\n') })
      present = wanted
      fault = undefined
      ready.resolve()
    } catch (error) {
      fault = `routes: ${(error as Error).message}`
      present = undefined
      log.warn('routes to nodes could not be set', { error })
      retry = clock.after(retryMs, look)
    }
  }

  const unsubscribe = cache.onChange(look)
  void cache.synced.then(look)
  return {
    name: 'node-routes',
    ready: ready.promise,
    health: () => fault,
    async stop() {
      stopped = true
      unsubscribe()
      retry?.()
      await running
    },
  }
}

/** Which routes there should be, from what the nodes say of themselves. */
export function wantedRoutes(all: readonly Node[], options: NodeRoutesOptions): Routes {
  const routes = new Map(options.also?.(all))
  for (const node of all) {
    const address = internalAddress(node)
    const podCidr = node.spec?.podCIDR
    if (!address || !podCidr || node.metadata?.name === options.nodeName || !options.reachable(address))
      continue
    routes.set(podCidr, address)
  }
  return routes
}

/** Lines for `ip -batch` that turn one set of routes into the other. */
export function routeChanges(present: Routes, wanted: Routes): string[] {
  const gone = [...present.keys()].filter((destination) => !wanted.has(destination))
  const changed = [...wanted].filter(([destination, via]) => present.get(destination) !== via)
  return [
    ...gone.map((destination) => `route delete ${destination} proto ${routeProtocol}`),
    ...changed.map(([destination, via]) => `route replace ${destination} via ${via} proto ${routeProtocol}`),
  ]
}

export function internalAddress(node: Node): string | undefined {
  return node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
}

/** A route as `ip -json route` shows it. */
export interface ListedRoute {
  readonly dst: string
  readonly gateway?: string
}

/** What an earlier process of this cluster has left. Routes by way of anybody else's nodes are another cluster's. */
export function ownRoutes(listed: readonly ListedRoute[], reachable: (address: string) => boolean): Routes {
  return new Map(
    listed.flatMap(({ dst, gateway }) => (gateway && reachable(gateway) ? [[dst, gateway]] : [])),
  )
}

async function listRoutes(): Promise<readonly ListedRoute[]> {
  const output = await run('ip', ['-4', '-json', 'route', 'show', 'proto', routeProtocol])
  return JSON.parse(output || '[]') as readonly ListedRoute[]
}

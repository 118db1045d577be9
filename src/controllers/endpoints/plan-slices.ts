import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { canonicalJson } from '../../machinery/hash.ts'
import type { AddressFamily } from './pod-endpoint.ts'

export const maxEndpointsPerSlice = 100

/** Endpoints that have the same ports. */
export interface PortGroup {
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

/** What the slices of one service and family should hold. */
export interface SliceContent {
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

export interface SliceLimits {
  /** Endpoints per slice. Default 100. */
  readonly max?: number
  /** Whether a service without endpoints has an empty slice. Default true. */
  readonly placeholder?: boolean
}

export interface SlicePlan {
  readonly create: readonly SliceContent[]
  readonly update: readonly { readonly slice: EndpointSlice; readonly content: SliceContent }[]
  readonly delete: readonly EndpointSlice[]
}

/**
 * The fewest writes that make the slices hold the endpoints: an endpoint stays in its slice, new ones fill slices that
 * are written anyway, then those with most of their room used that have room for all, then new ones. With a placeholder
 * there is always at least one slice. Source: k8s.io/endpointslice, reconciler.
 */
export function planSlices(
  existing: readonly EndpointSlice[],
  groups: readonly PortGroup[],
  { max = maxEndpointsPerSlice, placeholder: keepsPlaceholder = true }: SliceLimits = {},
): SlicePlan {
  const bySlices = new Map<string, EndpointSlice[]>()
  for (const slice of existing) {
    const key = portsKey(slice.ports ?? [])
    bySlices.set(key, [...(bySlices.get(key) ?? []), slice])
  }
  const create: SliceContent[] = []
  const update: { slice: EndpointSlice; content: SliceContent }[] = []
  const spare: EndpointSlice[] = []
  let kept = 0

  for (const group of groups) {
    const key = portsKey(group.ports)
    const plan = planGroup(bySlices.get(key) ?? [], group, max)
    bySlices.delete(key)
    kept += plan.kept
    update.push(...plan.update)
    create.push(...plan.create)
    spare.push(...plan.delete)
  }
  for (const slices of bySlices.values()) spare.push(...slices)

  if (keepsPlaceholder && kept + update.length + create.length === 0) {
    const placeholder = spare.find(({ endpoints, ports }) => !endpoints?.length && !ports?.length)
    if (placeholder) return { create, update, delete: spare.filter((slice) => slice !== placeholder) }
    create.push({ ports: [], endpoints: [] })
  }
  // A slice that would go takes over what a new one would hold.
  while (create.length > 0 && spare.length > 0) update.push({ slice: spare.pop()!, content: create.pop()! })
  return { create, update, delete: spare }
}

interface GroupPlan extends SlicePlan {
  readonly kept: number
}

interface Draft {
  readonly slice: EndpointSlice
  readonly endpoints: Endpoint[]
  isChanged: boolean
}

function planGroup(
  slices: readonly EndpointSlice[],
  { ports, endpoints }: PortGroup,
  max: number,
): GroupPlan {
  const missing = new Map(endpoints.map((endpoint) => [endpointIdentity(endpoint), endpoint]))
  const drafts = slices.map((slice) => redraft(slice, missing))
  const rest = [...missing.values()]

  for (const draft of drafts.filter(({ isChanged, endpoints }) => isChanged && endpoints.length > 0))
    draft.endpoints.push(...rest.splice(0, max - draft.endpoints.length))
  while (rest.length > 0) {
    const draft = fullestWithRoom(drafts, Math.min(rest.length, max), max)
    if (!draft) break
    draft.endpoints.push(...rest.splice(0, max - draft.endpoints.length))
    draft.isChanged = true
  }
  const create: SliceContent[] = []
  while (rest.length > 0) create.push({ ports, endpoints: rest.splice(0, max) })

  const used = drafts.filter((draft) => draft.endpoints.length > 0)
  return {
    kept: used.filter(({ isChanged }) => !isChanged).length,
    update: used
      .filter(({ isChanged }) => isChanged)
      .map(({ slice, endpoints }) => ({ slice, content: { ports, endpoints } })),
    create,
    delete: drafts.filter((draft) => draft.endpoints.length === 0).map(({ slice }) => slice),
  }
}

/** The slice with what is not wanted any more taken out and the rest as it should be; takes those out of `missing`. */
function redraft(slice: EndpointSlice, missing: Map<string, Endpoint>): Draft {
  const endpoints: Endpoint[] = []
  let isChanged = false
  for (const held of slice.endpoints ?? []) {
    const key = endpointIdentity(held)
    const wanted = missing.get(key)
    missing.delete(key)
    if (wanted) endpoints.push(wanted)
    if (!wanted || !jsonEqual(wanted, held)) isChanged = true
  }
  return { slice, endpoints, isChanged }
}

function fullestWithRoom(drafts: readonly Draft[], needed: number, max: number): Draft | undefined {
  let fullest: Draft | undefined
  for (const draft of drafts) {
    const size = draft.endpoints.length
    if (size === 0 || size + needed > max) continue
    if (!fullest || size > fullest.endpoints.length) fullest = draft
  }
  return fullest
}

/** What makes an endpoint the same although its conditions change. */
export function endpointIdentity({ addresses, hostname, targetRef }: Endpoint): string {
  return canonicalJson([addresses, hostname ?? '', targetRef?.namespace, targetRef?.name, targetRef?.uid])
}

export function portsKey(ports: readonly EndpointPort[]): string {
  return canonicalJson(
    ports
      .map(({ name = '', port, protocol = 'TCP', appProtocol }) =>
        canonicalJson({ name, port, protocol, appProtocol }),
      )
      .sort(),
  )
}

/** Endpoints by their ports. */
export function groupByPorts(
  items: readonly { readonly endpoint: Endpoint; readonly ports: readonly EndpointPort[] }[],
): readonly PortGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>()
  for (const { endpoint, ports } of items) {
    const key = portsKey(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    groups.set(key, group)
    group.endpoints.push(endpoint)
  }
  return [...groups.values()]
}

export function slicesOfFamily(
  slices: readonly EndpointSlice[],
  family: AddressFamily,
): readonly EndpointSlice[] {
  return slices.filter(({ addressType }) => addressType === family)
}

/** How many endpoints of the groups' ports the slices lack, have too many, and hold otherwise than they should. */
export function compareEndpoints(
  existing: readonly EndpointSlice[],
  groups: readonly PortGroup[],
): { readonly added: number; readonly removed: number; readonly updated: number } {
  let [added, removed, updated] = [0, 0, 0]
  for (const { ports, endpoints } of groups) {
    const key = portsKey(ports)
    const slices = existing.filter((slice) => portsKey(slice.ports ?? []) === key)
    const held = byIdentity(slices.flatMap((slice) => slice.endpoints ?? []))
    const wanted = byIdentity(endpoints)
    removed += [...held.keys()].filter((identity) => !wanted.has(identity)).length
    for (const [identity, endpoint] of wanted) {
      const now = held.get(identity)
      if (!now) added++
      else if (!jsonEqual(now, endpoint)) updated++
    }
  }
  return { added, removed, updated }
}

function byIdentity(endpoints: readonly Endpoint[]): ReadonlyMap<string, Endpoint> {
  return new Map(endpoints.map((endpoint) => [endpointIdentity(endpoint), endpoint]))
}

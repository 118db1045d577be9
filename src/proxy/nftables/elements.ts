import { createHash } from 'node:crypto'
import type { Endpoint } from '../endpoints.ts'
import type { Frontend } from '../frontends.ts'
import { endpointMap, masqueradeRule, spreadChain, type Dialect, type Lookup } from './ruleset.ts'

/** What one Service puts into the table of one family. Names are of sets, maps and chains. */
export interface Contribution {
  /** Elements by `set or map` + space + `key`; the value is '' in sets. */
  readonly elements: ReadonlyMap<string, string>
  /** Chains that only this Service needs, each with its rules. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** Sets that only this Service needs, each with its definition. */
  readonly sets: ReadonlyMap<string, string>
  /** Numbers of endpoints for which countRuleset must be there. */
  readonly counts: ReadonlySet<number>
}

/** Identifies the place a frontend answers at: two Services that claim the same one conflict. */
export function frontendKey({ kind, inside, address, protocol, port }: Frontend): string {
  const key = kind === 'node-ports' ? `${protocol} . ${port}` : `${address} . ${protocol} . ${port}`
  return `${lookupOf(kind, inside)} ${key}`
}

function lookupOf(kind: Frontend['kind'], inside: boolean): Lookup {
  return inside ? `${kind}-inside` : kind
}

/** The frontends of one Service as elements. Pure; order and names are the same for the same input. */
export function contributionOf(frontends: readonly Frontend[], dialect: Dialect): Contribution {
  const elements = new Map<string, string>()
  const chains = new Map<string, readonly string[]>()
  const sets = new Map<string, string>()
  const counts = new Set<number>()

  for (const frontend of frontends) {
    if (frontend.family !== dialect.family) continue
    const { endpoints, masquerade, kind, inside, affinitySeconds } = frontend
    const lookup = lookupOf(kind, inside)
    const place = frontendKey(frontend)
    const key = place.slice(lookup.length + 1)
    for (const { address, isElsewhere } of endpoints)
      if (!isElsewhere) elements.set(`hairpins ${address} . ${address}`, '')
    if (frontend.isClusterAddress) elements.set(`cluster-addresses ${frontend.address}`, '')
    for (const range of frontend.sourceRanges ?? []) {
      elements.set(`guarded ${key}`, '')
      elements.set(`allowed-sources ${key} . ${range}`, '')
    }
    if (endpoints.length === 0) {
      if (!inside)
        elements.set(`refused-${kind} ${key}`, frontend.whenEmpty === 'drop' ? 'drop' : 'goto reject-packet')
    } else if (affinitySeconds === undefined) {
      counts.add(endpoints.length)
      elements.set(place, `goto ${spreadChain(lookup, masquerade, endpoints.length)}`)
      endpoints.forEach((endpoint, index) => {
        elements.set(
          `${endpointMap(lookup, endpoints.length)} ${key} . ${index}`,
          `${endpoint.address} . ${endpoint.port}`,
        )
      })
    } else {
      elements.set(place, `goto ${addAffinity(frontend, affinitySeconds, dialect, { chains, sets })}`)
    }
  }
  return { elements, chains, sets, counts }
}

interface Definitions {
  readonly chains: Map<string, readonly string[]>
  readonly sets: Map<string, string>
}

/**
 * Session affinity: a set per endpoint remembers its clients, with a timeout; a chain per frontend tries the sets first.
 * All frontends of a Service port share the sets, so a client stays with its endpoint whichever way it comes.
 */
function addAffinity(
  frontend: Frontend,
  seconds: number,
  dialect: Dialect,
  { chains, sets }: Definitions,
): string {
  const { servicePort, endpoints, masquerade } = frontend
  const { table, addressType } = dialect
  // A set cannot change its timeout, so the timeout is part of its name.
  const service = shortHash(`${servicePort} ${seconds}`)
  const chosen = endpoints.map((endpoint) => {
    const clients = `clients-${service}-${shortHash(`${endpoint.address}:${endpoint.port}`)}`
    const chain = `endpoint-${clients.slice('clients-'.length)}`
    sets.set(clients, `type ${addressType}; flags dynamic,timeout; timeout ${seconds}s;`)
    chains.set(chain, [
      `update @${clients} { ${table} saddr }`,
      `meta l4proto { tcp, udp, sctp } dnat to ${target(endpoint, dialect)}`,
    ])
    return { clients, chain }
  })
  const name = `affinity-${service}-${masquerade}-${shortHash(chosen.map(({ chain }) => chain).join())}`
  chains.set(name, [
    ...masqueradeRule(dialect, masquerade),
    ...chosen.map(({ clients, chain }) => `${table} saddr @${clients} goto ${chain}`),
    `numgen random mod ${chosen.length} vmap { ${chosen.map(({ chain }, index) => `${index} : goto ${chain}`).join(', ')} }`,
  ])
  return name
}

function target({ address, port }: Endpoint, { family }: Dialect): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}

import type { Frontend } from './frontends.ts'

/**
 * conntrack arguments that forget UDP flows which would go on to an endpoint that is gone, or be refused by a memory of
 * there having been none. TCP notices by itself; UDP never does.
 */
export function staleFlows(before: readonly Frontend[], after: readonly Frontend[]): string[][] {
  const next = new Map(after.map((frontend) => [placeOf(frontend), frontend]))
  const previous = new Map(before.map((frontend) => [placeOf(frontend), frontend]))
  const gone = before.filter(isUdp).flatMap((frontend) => {
    const kept = new Set(next.get(placeOf(frontend))?.endpoints.map(({ address }) => address))
    const lost = frontend.endpoints.filter(({ address }) => !kept.has(address))
    return lost.map(({ address }) => [...flowOf(frontend), '--dst-nat', address])
  })
  const filled = after.filter(isUdp).flatMap((frontend) => {
    const wasEmpty = previous.get(placeOf(frontend))?.endpoints.length === 0
    return wasEmpty && frontend.endpoints.length > 0 ? [flowOf(frontend)] : []
  })
  return [...gone, ...filled]
}

function isUdp({ protocol, inside }: Frontend): boolean {
  return protocol === 'udp' && !inside
}

function placeOf({ kind, address, protocol, port, inside }: Frontend): string {
  return `${kind} ${address} ${protocol} ${port} ${inside}`
}

function flowOf({ address, port, family }: Frontend): string[] {
  const where = address === undefined ? ['--dport', `${port}`] : ['--orig-dst', address, '--dport', `${port}`]
  return ['-D', '-f', family === 'IPv6' ? 'ipv6' : 'ipv4', '-p', 'udp', ...where]
}

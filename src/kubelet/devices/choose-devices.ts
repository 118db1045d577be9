/** What there is of a resource, and who has it. */
export interface Supply {
  /** Undefined while no plugin has told of any. */
  readonly healthy: ReadonlySet<string> | undefined
  /** Of other containers. */
  readonly inUse: ReadonlySet<string>
  /** Of init containers of the same pod that have ended when this one starts. */
  readonly reusable: ReadonlySet<string>
  /** What the container has already. */
  readonly own: readonly string[]
}

export type Choice =
  /** It has what it wants. */
  | { readonly type: 'kept' }
  /** `certain`, and as many of `candidates` as are wanting, the plugin's preferred ones first. */
  | {
      readonly type: 'take'
      readonly certain: readonly string[]
      readonly candidates: readonly string[]
      readonly wanting: number
    }

/** Which devices a container may be given. Throws, in upstream's words, when there are too few. */
export function chooseDevices(resource: string, wanted: number, supply: Supply): Choice {
  const { healthy, inUse, reusable, own } = supply
  if (own.length > 0 && own.length !== wanted) {
    throw new Error(`changed request for resource "${resource}" from ${own.length} to ${wanted}`)
  }
  if (wanted === 0) return { type: 'kept' }
  if (healthy === undefined) throw new Error(`cannot allocate unregistered device ${resource}`)
  if (own.length > 0) {
    if (healthy.size === 0) {
      throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`)
    }
    if (!own.every((id) => healthy.has(id))) {
      throw new Error(
        `previously allocated devices are no longer healthy; cannot allocate unhealthy devices ${resource}`,
      )
    }
    return { type: 'kept' }
  }
  const certain = [...reusable].slice(0, wanted)
  const wanting = wanted - certain.length
  const candidates = [...healthy].filter((id) => !inUse.has(id) && !reusable.has(id)).sort()
  if (candidates.length < wanting) {
    throw new Error(
      `requested number of devices unavailable for ${resource}. Requested: ${wanting}, Available: ${candidates.length}`,
    )
  }
  return { type: 'take', certain, candidates, wanting }
}

/** The devices of a choice, given which of the candidates the plugin prefers. */
export function settleChoice(
  { certain, candidates, wanting }: Extract<Choice, { type: 'take' }>,
  preferred: readonly string[],
): readonly string[] {
  const first = candidates.filter((id) => preferred.includes(id))
  const rest = candidates.filter((id) => !preferred.includes(id))
  return [...certain, ...[...first, ...rest].slice(0, wanting)]
}

import type { Node, NodeSelector, NodeSelectorRequirement } from '../../../api/generated/core.v1.ts'
import type {
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  ResourceClaim,
} from '../../../api/generated/resource.v1.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { formatCapacity, type Capacity } from './device-capacity.ts'
import type { PooledDevice } from './device-pools.ts'
import type { DeviceRequestView } from './device-requests.ts'

/** A device with the request that it serves. */
export interface ChosenDevice {
  readonly request: DeviceRequestView
  readonly device: PooledDevice
  /** Set for a share of a device that several use, with what is taken of it. */
  readonly shareId: string | undefined
  readonly consumed: Capacity | undefined
}

/** What is written into the claim. */
export function allocationResult(
  claim: ResourceClaim,
  chosen: readonly ChosenDevice[],
  node: Node,
): AllocationResult {
  const config = configOf(claim, chosen)
  const nodeSelector = nodeSelectorOf(chosen, node)
  return {
    devices: { results: chosen.map(resultOf), ...(config.length > 0 && { config }) },
    ...(nodeSelector && { nodeSelector }),
  }
}

function resultOf({ request, device, shareId, consumed }: ChosenDevice): DeviceRequestAllocationResult {
  const { driver, pool } = device.slice.spec
  const { bindingConditions, bindingFailureConditions, name } = device.device
  return {
    request: request.fullName,
    driver,
    pool: pool.name,
    device: name,
    ...(request.adminAccess && { adminAccess: true }),
    ...(request.tolerations?.length && { tolerations: request.tolerations }),
    ...(bindingConditions?.length && { bindingConditions }),
    ...(bindingFailureConditions?.length && { bindingFailureConditions }),
    ...(shareId !== undefined && { shareID: shareId }),
    ...(consumed && consumed.size > 0 && { consumedCapacity: formatCapacity(consumed) }),
  }
}

/** First what the classes say, each once, then what the claim says of the requests that were served. */
function configOf(
  { spec }: ResourceClaim,
  chosen: readonly ChosenDevice[],
): readonly DeviceAllocationConfiguration[] {
  const { requests = [], config = [] } = spec.devices ?? {}
  const served = requests.flatMap(({ name }) => {
    const found = chosen.find(({ request }) => (request.parent ?? request.name) === name)
    return found ? [found.request] : []
  })
  const classes = new Map(served.map((request) => [request.class.metadata?.name, request.class]))
  const ofClasses = [...classes].flatMap(([name, { spec: own }]) =>
    (own.config ?? []).map((each): DeviceAllocationConfiguration => {
      const names = served
        .filter((request) => request.class.metadata?.name === name)
        .map(({ fullName }) => fullName)
      return {
        source: 'FromClass',
        // None is all of them.
        ...(names.length < requests.length && { requests: names }),
        ...each,
      }
    }),
  )
  const ofClaim = config
    .filter(
      (each) =>
        !each.requests?.length ||
        served.some(
          ({ parent, fullName }) =>
            each.requests!.includes(fullName) || (parent !== undefined && each.requests!.includes(parent)),
        ),
    )
    .map(({ requests: names = [], ...each }): DeviceAllocationConfiguration => {
      const isAll = names.length === 0 || names.length === requests.length
      return { source: 'FromClaim', ...(!isAll && { requests: names }), ...each }
    })
  return [...ofClasses, ...ofClaim]
}

/** Where the allocation can be used: one node, those that all devices can be reached from, or (undefined) anywhere. */
function nodeSelectorOf(chosen: readonly ChosenDevice[], node: Node): NodeSelector | undefined {
  const matchFields: NodeSelectorRequirement[] = []
  const matchExpressions: NodeSelectorRequirement[] = []
  for (const { device, slice } of chosen.map((each) => each.device)) {
    const { nodeName, nodeSelector } = slice.spec.perDeviceNodeSelection ? device : slice.spec
    const only = device.bindsToNode ? node.metadata?.name : nodeName
    if (only) {
      const requirement = { key: 'metadata.name', operator: 'In', values: [only] } as const
      return { nodeSelectorTerms: [{ matchFields: [requirement] }] }
    }
    const term = nodeSelector?.nodeSelectorTerms[0]
    addNew(matchFields, term?.matchFields)
    addNew(matchExpressions, term?.matchExpressions)
  }
  if (matchFields.length === 0 && matchExpressions.length === 0) return undefined
  return {
    nodeSelectorTerms: [
      {
        ...(matchExpressions.length > 0 && { matchExpressions }),
        ...(matchFields.length > 0 && { matchFields }),
      },
    ],
  }
}

function addNew(
  to: NodeSelectorRequirement[],
  from: readonly NodeSelectorRequirement[] | undefined = [],
): void {
  for (const requirement of from) if (!to.some((known) => jsonEqual(known, requirement))) to.push(requirement)
}

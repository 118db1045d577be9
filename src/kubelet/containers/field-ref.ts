import type { ObjectFieldSelector, Pod, ResourceFieldSelector } from '../../api/generated/core.v1.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { parseQuantity, quantityToFloat, type ParsedQuantity } from '../../machinery/quantity.ts'
import { findContainer, type AnyContainer } from '../pods/pod.ts'
import { ConfigError } from './config-error.ts'

/** What the downward API tells beside the pod itself. */
export interface DownwardFacts {
  readonly podIPs: readonly string[]
  readonly hostIPs: readonly string[]
  /** Of the node: what a container without limit may use. */
  readonly allocatable: Readonly<Record<string, string>>
}

const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/

/** The value of a field of the pod, for environment variables and files. Throws ConfigError for what is none. */
export function fieldRefValue(ref: ObjectFieldSelector, pod: Pod, facts: DownwardFacts): string {
  const { metadata = {}, spec } = pod
  const match = subscript.exec(ref.fieldPath)
  if (match) return metadata[match[1] as 'labels' | 'annotations']?.[match[2]!] ?? ''
  switch (ref.fieldPath) {
    case 'metadata.name':
      return metadata.name ?? ''
    case 'metadata.namespace':
      return metadata.namespace ?? ''
    case 'metadata.uid':
      return metadata.uid ?? ''
    case 'metadata.labels':
      return formatMap(metadata.labels)
    case 'metadata.annotations':
      return formatMap(metadata.annotations)
    case 'spec.nodeName':
      return spec?.nodeName ?? ''
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? ''
    case 'status.hostIP':
      return facts.hostIPs[0] ?? ''
    case 'status.hostIPs':
      return facts.hostIPs.join(',')
    case 'status.podIP':
      return facts.podIPs[0] ?? ''
    case 'status.podIPs':
      return facts.podIPs.join(',')
    default:
      throw new ConfigError(`unsupported fieldPath: ${ref.fieldPath}`)
  }
}

/** `key="value"` lines, by key. */
function formatMap(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${goQuote(map[key]!)}`)
    .join('\n')
}

/** A container's request or limit in units of the divisor, rounded up. A missing limit is what the node has. */
export function resourceFieldRefValue(
  ref: ResourceFieldSelector,
  pod: Pod,
  own: AnyContainer | undefined,
  facts: DownwardFacts,
): string {
  const container = ref.containerName ? findContainer(pod, ref.containerName)?.container : own
  if (container === undefined) {
    throw new ConfigError(`failed to retrieve container by name ${goQuote(ref.containerName ?? '')}`)
  }
  const match = /^(limits|requests)\.(.+)$/.exec(ref.resource)
  if (!match) throw new ConfigError(`unsupported container resource : ${ref.resource}`)
  const [, list, name] = match as unknown as [string, 'limits' | 'requests', string]
  const quantity =
    container.resources?.[list]?.[name] ?? (list === 'limits' ? facts.allocatable[name] : undefined) ?? '0'
  return divideUp(parseQuantity(quantity), parseQuantity(divisorOf(ref)))
}

function divisorOf({ divisor }: ResourceFieldSelector): string {
  return divisor === undefined || quantityToFloat(divisor) === 0 ? '1' : divisor
}

function divideUp(value: ParsedQuantity, divisor: ParsedQuantity): string {
  const exponent = Math.min(value.exponent, divisor.exponent)
  const numerator = value.mantissa * 10n ** BigInt(value.exponent - exponent)
  const denominator = divisor.mantissa * 10n ** BigInt(divisor.exponent - exponent)
  return ((numerator + denominator - 1n) / denominator).toString()
}

import { path } from '../../machinery/field-error.ts'
import { warningsForCidr, warningsForIp } from '../../machinery/validation/ip.ts'
import type { Service } from '../generated/core.v1.ts'

const oldHints = 'service.kubernetes.io/topology-aware-hints'
const field = path('spec')

/** Source: kubernetes/pkg/api/service/warnings.go. */
export function serviceWarnings({ metadata, spec }: Service): string[] {
  if (!spec) return []
  const { type, clusterIP, clusterIPs = [], externalIPs = [], loadBalancerIP, externalName } = spec
  const isHeadless = type === 'ClusterIP' && clusterIP === 'None'
  const isName = type === 'ExternalName'
  const hasAddress = !isName && !!clusterIP && clusterIP !== 'None'
  const list = (name: 'clusterIPs' | 'externalIPs', addresses: readonly string[]) =>
    addresses.flatMap((address, index) => warningsForIp(field.child(name).index(index), address))
  const said = (isSaid: boolean, message: string) => (isSaid ? [message] : [])
  const ignored = (name: string) => `spec.${name} is ignored for headless services`
  return [
    ...said(
      metadata?.annotations?.[oldHints] !== undefined,
      `annotation ${oldHints} is deprecated, please use service.kubernetes.io/topology-mode instead`,
    ),
    ...(hasAddress ? list('clusterIPs', clusterIPs) : []),
    ...said(isHeadless && !!loadBalancerIP, ignored('loadBalancerIP')),
    ...said(isHeadless && externalIPs.length > 0, ignored('externalIPs')),
    ...said(isHeadless && spec.sessionAffinity !== 'None', ignored('SessionAffinity')),
    ...list('externalIPs', externalIPs),
    ...said(
      externalIPs.length > 0 && !isHeadless && !isName,
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    ),
    ...(loadBalancerIP ? warningsForIp(field.child('loadBalancerIP'), loadBalancerIP) : []),
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, index) =>
      warningsForCidr(field.child('loadBalancerSourceRanges').index(index), range),
    ),
    ...said(isName && externalIPs.length > 0, 'spec.externalIPs is ignored when spec.type is "ExternalName"'),
    ...said(!isName && !!externalName, 'spec.externalName is ignored when spec.type is not "ExternalName"'),
    ...said(
      spec.trafficDistribution === 'PreferClose',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ),
  ]
}

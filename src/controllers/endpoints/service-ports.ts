import type { Container, Pod, Service, ServicePort } from '../../api/generated/core.v1.ts'
import type { EndpointPort } from '../../api/generated/discovery.v1.ts'

export function isHeadless({ spec }: Service): boolean {
  return spec?.clusterIP === 'None'
}

/** Without an address of its own: headless, or not allocated. */
export function hasNoClusterAddress({ spec }: Service): boolean {
  return !spec?.clusterIP || spec.clusterIP === 'None'
}

/** The ports that the service has on this pod. A named port that the pod does not have is left out. */
export function portsOn(pod: Pod, { spec }: Service): readonly (EndpointPort & { readonly port: number })[] {
  return (spec?.ports ?? []).flatMap((servicePort) => {
    const port = targetPortOf(pod, servicePort)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    return [{ name, port, protocol, ...(appProtocol !== undefined && { appProtocol }) }]
  })
}

function targetPortOf(
  { spec }: Pod,
  { targetPort, port, protocol = 'TCP' }: ServicePort,
): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port
  if (typeof targetPort === 'number') return targetPort
  const sidecars = spec?.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always') ?? []
  return [...(spec?.containers ?? []), ...sidecars]
    .flatMap(({ ports = [] }: Container) => ports)
    .find((candidate) => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol)
    ?.containerPort
}

import type { FieldPath } from '../../../machinery/field-error.ts'
import type { ContainerPort, PodSpec } from '../../generated/core.v1.ts'
import { visitContainers } from './visit-containers.ts'

/** Ports of a pod that say the same twice, or contradict one another. Source: kubernetes/pkg/api/pod/warnings.go. */
export function portWarnings(spec: PodSpec, field: FieldPath): string[] {
  const warnings: string[] = []
  const known = new Map<string, { readonly at: FieldPath; readonly port: ContainerPort }[]>()
  for (const [container, containerAt] of visitContainers(spec, field)) {
    for (const [index, port] of (container.ports ?? []).entries()) {
      const at = containerAt.child('ports').index(index)
      if (port.hostIP && !port.hostPort)
        warnings.push(`${String(at)}: hostIP set without hostPort: ${goStruct(port)}`)
      const key = `${port.containerPort}/${port.protocol}`
      const others = known.get(key) ?? []
      for (const other of others) {
        const relation = relationOf(port, other.port)
        if (relation) warnings.push(`${String(at)}: ${relation} port definition with ${String(other.at)}`)
      }
      known.set(key, [...others, { at, port }])
    }
  }
  return warnings
}

function relationOf(port: ContainerPort, other: ContainerPort): string | undefined {
  const [one, two] = [port, other].map(({ hostIP = '', hostPort = 0 }) => ({ hostIP, hostPort }))
  if (one!.hostIP === two!.hostIP && one!.hostPort === two!.hostPort) return 'duplicate'
  if (one!.hostPort === 0 || two!.hostPort === 0) return 'overlapping'
  const isAmbiguous = one!.hostPort === two!.hostPort && (one!.hostIP === '') !== (two!.hostIP === '')
  return isAmbiguous ? 'dangerously ambiguous' : undefined
}

/** As Go's `%+v` writes upstream's structure. */
function goStruct({ name = '', hostPort = 0, containerPort, protocol, hostIP = '' }: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol ?? ''} HostIP:${hostIP}}`
}

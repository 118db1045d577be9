import type { Service } from '../../api/generated/core.v1.ts'

export interface Variable {
  readonly name: string
  readonly value: string
}

/**
 * The variables by which a container finds services: those of its namespace when it wants links, and always
 * `kubernetes` of the default namespace. Names and the Docker link format as upstream's pkg/kubelet/envvars.
 */
export function serviceEnvironment(
  services: readonly Service[],
  namespace: string,
  enableServiceLinks: boolean,
): readonly Variable[] {
  const chosen = new Map<string, Service>()
  for (const service of services) {
    const { name = '', namespace: own } = service.metadata ?? {}
    if (!hasClusterIP(service)) continue
    const isMaster = own === 'default' && name === 'kubernetes'
    if (own === namespace && enableServiceLinks) chosen.set(name, service)
    else if (isMaster && !chosen.has(name)) chosen.set(name, service)
  }
  return [...chosen.keys()].sort().flatMap((name) => variablesOf(chosen.get(name)!))
}

function hasClusterIP(service: Service): boolean {
  const ip = service.spec?.clusterIP
  return ip !== undefined && ip !== '' && ip !== 'None'
}

function variablesOf(service: Service): readonly Variable[] {
  const prefix = variableName(service.metadata?.name ?? '')
  const ip = service.spec?.clusterIP ?? ''
  const ports = service.spec?.ports ?? []
  const first = ports[0]
  if (first === undefined) return []
  const variables: Variable[] = [
    { name: `${prefix}_SERVICE_HOST`, value: ip },
    { name: `${prefix}_SERVICE_PORT`, value: String(first.port) },
  ]
  for (const { name, port } of ports) {
    if (name) variables.push({ name: `${prefix}_SERVICE_PORT_${variableName(name)}`, value: String(port) })
  }
  const host = ip.includes(':') ? `[${ip}]` : ip
  for (const [index, { port, protocol = 'TCP' }] of ports.entries()) {
    const lower = protocol.toLowerCase()
    const portPrefix = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`
    const url = `${lower}://${host}:${port}`
    if (index === 0) variables.push({ name: `${prefix}_PORT`, value: url })
    variables.push(
      { name: portPrefix, value: url },
      { name: `${portPrefix}_PROTO`, value: lower },
      { name: `${portPrefix}_PORT`, value: String(port) },
      { name: `${portPrefix}_ADDR`, value: ip },
    )
  }
  return variables
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}

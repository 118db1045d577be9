import type { EndpointSubset, Endpoints } from '../generated/core.v1.ts'
import { endpoints } from '../generated/resources.ts'
import {
  invalidFor,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  portNumberErrors,
  qualifiedNameErrors,
} from '../../machinery/validation/names.ts'
import {
  validateIpForLegacyField,
  validateNonSpecialIp,
  warningsForIp,
} from '../../machinery/validation/ip.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'

export const endpointsDefinition: ResourceDefinition<Endpoints> = {
  resource: endpoints,
  singular: 'endpoints',
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  shortNames: ['ep'],
  strategy: {
    allowCreateOnUpdate: true,
    defaults({ subsets = [] }) {
      for (const { ports = [] } of subsets) for (const port of ports) port.protocol ??= 'TCP'
    },
    warnings: endpointsWarnings,
    validate: ({ subsets = [] }) =>
      subsets.flatMap((subset, index) => validateSubset(subset, path('subsets').index(index))),
  },
  columns: [
    nameColumn,
    column('Endpoints', 'Addresses and ports of the ready endpoints.', ({ subsets = [] }) =>
      endpointsText(subsets),
    ),
    ageColumn,
  ],
}

const shownEndpoints = 3

function endpointsText(subsets: readonly EndpointSubset[]): string {
  const all = subsets.flatMap(({ addresses = [], ports = [] }) => {
    if (ports.length === 0) return addresses.map(({ ip }) => ip)
    return ports.flatMap(({ port }) =>
      addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)),
    )
  })
  if (all.length === 0) return '<none>'
  const more = all.length - shownEndpoints
  return more > 0 ? `${all.slice(0, shownEndpoints).join(',')} + ${more} more...` : all.join(',')
}

const protocols = ['SCTP', 'TCP', 'UDP']

function validateSubset(
  { addresses = [], notReadyAddresses = [], ports = [] }: EndpointSubset,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (addresses.length === 0 && notReadyAddresses.length === 0) {
    errors.push(required(field, 'must specify `addresses` or `notReadyAddresses`'))
  }
  for (const [name, list] of Object.entries({ addresses, notReadyAddresses })) {
    for (const [index, { ip, hostname, nodeName }] of list.entries()) {
      const at = field.child(name).index(index)
      errors.push(...validateIpForLegacyField(at.child('ip'), ip))
      if (hostname) errors.push(...invalidFor(at.child('hostname'), hostname, dns1123LabelErrors(hostname)))
      if (nodeName !== undefined)
        errors.push(...invalidFor(at.child('nodeName'), nodeName, dns1123SubdomainErrors(nodeName)))
      errors.push(...validateNonSpecialIp(at.child('ip'), ip))
    }
  }
  for (const [index, { port, protocol, name, appProtocol }] of ports.entries()) {
    const at = field.child('ports').index(index)
    if (ports.length > 1 && !name) errors.push(required(at.child('name')))
    if (name) errors.push(...invalidFor(at.child('name'), name, dns1123LabelErrors(name)))
    errors.push(...invalidFor(at.child('port'), port, portNumberErrors(port)))
    if (!protocol) errors.push(required(at.child('protocol')))
    else if (!protocols.includes(protocol))
      errors.push(notSupported(at.child('protocol'), protocol, protocols))
    if (appProtocol !== undefined)
      errors.push(...invalidFor(at.child('appProtocol'), appProtocol, qualifiedNameErrors(appProtocol)))
  }
  return errors
}

/** What the controller writes it has put right itself. */
function endpointsWarnings({ metadata, subsets = [] }: Endpoints): string[] {
  if (metadata?.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller') return []
  return subsets.flatMap((subset, index) =>
    (['addresses', 'notReadyAddresses'] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, position) =>
        warningsForIp(path('subsets').index(index).child(list).index(position).child('ip'), ip),
      ),
    ),
  )
}

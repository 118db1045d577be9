import { jsonEqual } from '../../machinery/equal.ts'
import {
  duplicate,
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import { validateIp, validateNonSpecialIp, warningsForIp } from '../../machinery/validation/ip.ts'
import { validateFullyQualifiedDomainName } from '../../machinery/validation/domain-names.ts'
import { validateLabels } from '../../machinery/validation/labels.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
  qualifiedNameErrors,
} from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Endpoint, EndpointSlice } from '../generated/discovery.v1.ts'
import { endpointSlices } from '../generated/resources.ts'

const maxEndpoints = 1000
const maxPorts = 20_000
const maxAddresses = 100
const addressTypes = ['FQDN', 'IPv4', 'IPv6']
const protocols = ['SCTP', 'TCP', 'UDP']
const shown = 3
const hostLabel = 'kubernetes.io/hostname'

export const endpointSliceDefinition: ResourceDefinition<EndpointSlice> = {
  resource: endpointSlices,
  singular: 'endpointslice',
  strategy: {
    raisesGeneration: hasChanged,
    defaults({ ports }) {
      for (const port of ports ?? []) {
        port.name ??= ''
        port.protocol ??= 'TCP'
      }
    },
    prepareForCreate: (slice) => dropTopology(slice),
    prepareForUpdate: dropTopology,
    validate: validateEndpointSlice,
    warnings: endpointSliceWarnings,
    validateUpdate: (next, previous) =>
      next.addressType === previous.addressType
        ? []
        : [invalid(path('addressType'), next.addressType, 'field is immutable')],
  },
  columns: [
    nameColumn,
    column('AddressType', 'The type of the addresses.', ({ addressType }) => addressType),
    column('Ports', 'The ports of each endpoint.', ({ ports }) =>
      shortened(
        (ports ?? []).map(({ port }) => (port === undefined ? '*' : `${port}`)),
        '<unset>',
      ),
    ),
    column('Endpoints', 'The addresses of the endpoints.', ({ endpoints }) =>
      shortened(
        (endpoints ?? []).flatMap(({ addresses }) => addresses),
        '<unset>',
      ),
    ),
    ageColumn,
  ],
}

/**
 * What the first version of slices said about where an endpoint is can be read, not written. Those who write back what
 * they read of it keep the name of the node that stood there.
 */
function dropTopology(slice: Writable<EndpointSlice>, previous?: EndpointSlice): void {
  if (previous && jsonEqual(slice.endpoints, previous.endpoints)) return
  const known = new Set(
    (previous?.endpoints ?? []).map(({ deprecatedTopology }) => deprecatedTopology?.[hostLabel]),
  )
  for (const endpoint of slice.endpoints ?? []) {
    const node = endpoint.deprecatedTopology?.[hostLabel]
    const isKept = node !== undefined && known.has(node) && dns1123SubdomainErrors(node).length === 0
    if (isKept) endpoint.nodeName ??= node
    delete endpoint.deprecatedTopology
  }
}

/** Labels count beside the content: the service of a slice is one of them. */
function hasChanged(object: EndpointSlice, previous: EndpointSlice): boolean {
  const { metadata, ...content } = object
  const { metadata: metadataBefore, ...contentBefore } = previous
  return !jsonEqual(metadata?.labels, metadataBefore?.labels) || !jsonEqual(content, contentBefore)
}

function shortened(items: readonly string[], none: string): string {
  if (items.length === 0) return none
  const more = items.length - shown
  return more > 0 ? `${items.slice(0, shown).join(',')} + ${more} more...` : items.join(',')
}

function validateEndpointSlice({ addressType, endpoints, ports }: EndpointSlice): FieldError[] {
  const errors: FieldError[] = []
  if (!addressType) errors.push(required(path('addressType')))
  else if (!addressTypes.includes(addressType))
    errors.push(notSupported(path('addressType'), addressType, addressTypes))
  const list = path('endpoints')
  if ((endpoints?.length ?? 0) > maxEndpoints)
    return [...errors, tooMany(list, endpoints!.length, maxEndpoints), ...portErrors(ports ?? [])]
  for (const [index, endpoint] of (endpoints ?? []).entries()) {
    const at = list.index(index)
    const { addresses, hostname } = endpoint
    if (!addresses || addresses.length === 0)
      errors.push(required(at.child('addresses'), 'must contain at least 1 address'))
    else if (addresses.length > maxAddresses)
      errors.push(tooMany(at.child('addresses'), addresses.length, maxAddresses))
    for (const [position, address] of (addresses ?? []).entries()) {
      const field = at.child('addresses').index(position)
      if (addressType === 'FQDN') {
        errors.push(...validateFullyQualifiedDomainName(field, address))
        continue
      }
      const malformed = validateIp(field, address)
      const isOther = address.includes(':') !== (addressType === 'IPv6')
      if (malformed.length > 0) errors.push(...malformed)
      else if (isOther) errors.push(invalid(field, address, `must be a valid ${addressType} address`))
      else errors.push(...validateNonSpecialIp(field, address))
    }
    errors.push(...topologyErrors(endpoint, at))
    if (hostname !== undefined)
      errors.push(
        ...dns1123LabelErrors(hostname).map((message) => invalid(at.child('hostname'), hostname, message)),
      )
  }
  return [...errors, ...portErrors(ports ?? [])]
}

const maxTopologyLabels = 16
const maxZoneHints = 8
const maxNodeHints = 8

/** Where an endpoint is, and whom it is for. */
function topologyErrors({ nodeName, deprecatedTopology, hints }: Endpoint, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (nodeName !== undefined) {
    const field = at.child('nodeName')
    errors.push(...dns1123SubdomainErrors(nodeName).map((message) => invalid(field, nodeName, message)))
  }
  const topology = at.child('deprecatedTopology')
  const count = Object.keys(deprecatedTopology ?? {}).length
  if (count > maxTopologyLabels) errors.push(tooMany(topology, count, maxTopologyLabels))
  if (deprecatedTopology) {
    errors.push(...validateLabels(deprecatedTopology, topology))
    if (deprecatedTopology['topology.kubernetes.io/zone'] !== undefined) {
      const field = topology.key('topology.kubernetes.io/zone')
      errors.push(forbidden(field, 'use zone field instead'))
    }
  }
  for (const [name, list, most] of [
    ['forZones', hints?.forZones, maxZoneHints],
    ['forNodes', hints?.forNodes, maxNodeHints],
  ] as const) {
    const field = at.child('hints', name)
    if ((list?.length ?? 0) > most) {
      errors.push(tooMany(field, list!.length, most))
      continue
    }
    const seen = new Set<string>()
    for (const [index, hint] of (list ?? []).entries()) {
      const nameAt = field.index(index).child('name')
      if (seen.has(hint.name)) errors.push(duplicate(nameAt, hint.name))
      seen.add(hint.name)
      const rule = name === 'forZones' ? labelValueErrors : dns1123SubdomainErrors
      errors.push(...rule(hint.name).map((message) => invalid(nameAt, hint.name, message)))
    }
  }
  return errors
}

function portErrors(ports: NonNullable<EndpointSlice['ports']>): FieldError[] {
  const errors: FieldError[] = []
  const names = new Set<string>()
  if (ports.length > maxPorts) return [tooMany(path('ports'), ports.length, maxPorts)]
  for (const [index, { name = '', protocol, appProtocol }] of ports.entries()) {
    const at = path('ports').index(index)
    if (name)
      errors.push(...dns1123LabelErrors(name).map((message) => invalid(at.child('name'), name, message)))
    if (names.has(name)) errors.push(duplicate(at.child('name'), name))
    names.add(name)
    if (protocol === undefined) errors.push(required(at.child('protocol')))
    else if (!protocols.includes(protocol))
      errors.push(notSupported(at.child('protocol'), protocol, protocols))
    if (appProtocol !== undefined) {
      const field = at.child('appProtocol')
      errors.push(...qualifiedNameErrors(appProtocol).map((message) => invalid(field, appProtocol, message)))
    }
  }
  return errors
}

const managers = ['endpointslice-controller.k8s.io', 'endpointslicemirroring-controller.k8s.io']

/** What the controllers write they have put right themselves. */
function endpointSliceWarnings(slice: EndpointSlice, previous?: EndpointSlice): string[] {
  const { metadata, addressType, endpoints } = slice
  const warnings: string[] = []
  if (addressType === 'FQDN' && !previous) warnings.push('spec.addressType: FQDN endpoints are deprecated')
  if (managers.includes(metadata?.labels?.['endpointslice.kubernetes.io/managed-by'] ?? '')) return warnings
  for (const [index, { addresses }] of (endpoints ?? []).entries()) {
    const at = path('endpoints').index(index).child('addresses')
    for (const [position, address] of addresses.entries())
      warnings.push(...warningsForIp(at.index(position), address))
  }
  return warnings
}

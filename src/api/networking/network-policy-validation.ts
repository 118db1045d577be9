import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { cidrContains, parseCidr } from '../../machinery/ip.ts'
import { validateCidrForLegacyField, warningsForCidr } from '../../machinery/validation/ip.ts'
import { labelSelectorHasInvalidValue, validateLabelSelector } from '../../machinery/validation/labels.ts'
import { portNameErrors, portNumberErrors } from '../../machinery/validation/names.ts'
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../generated/networking.v1.ts'

const protocols = ['TCP', 'UDP', 'SCTP']
const policyTypes = ['Ingress', 'Egress']

/** What the object had before this write, and may keep. */
interface Kept {
  readonly allowsInvalidLabelValues: boolean
  readonly cidrs: readonly string[]
}

/** Source: kubernetes/pkg/apis/networking/validation. */
export function validateNetworkPolicy({ spec }: NetworkPolicy, previous?: NetworkPolicy): FieldError[] {
  const at = path('spec')
  const kept: Kept = {
    allowsInvalidLabelValues: labelSelectorHasInvalidValue(previous?.spec?.podSelector),
    cidrs: previous ? cidrsOf(previous) : [],
  }
  const errors = validateLabelSelector(spec?.podSelector ?? {}, at.child('podSelector'), selectorRules(kept))
  for (const [index, { ports, from }] of (spec?.ingress ?? []).entries())
    errors.push(...ruleErrors(ports, from, 'from', kept, at.child('ingress').index(index)))
  for (const [index, { ports, to }] of (spec?.egress ?? []).entries())
    errors.push(...ruleErrors(ports, to, 'to', kept, at.child('egress').index(index)))
  const types = spec?.policyTypes ?? []
  const typesAt = at.child('policyTypes')
  if (types.length > policyTypes.length)
    return [...errors, invalid(typesAt, types, 'may not specify more than two policyTypes')]
  for (const [index, type] of types.entries())
    if (!policyTypes.includes(type)) errors.push(notSupported(typesAt.index(index), type, policyTypes))
  return errors
}

function selectorRules({ allowsInvalidLabelValues }: Kept) {
  return { allowInvalidValues: allowsInvalidLabelValues }
}

function peersOf({ spec }: NetworkPolicy): readonly NetworkPolicyPeer[] {
  return [
    ...(spec?.ingress ?? []).flatMap(({ from }) => from ?? []),
    ...(spec?.egress ?? []).flatMap(({ to }) => to ?? []),
  ]
}

function cidrsOf(policy: NetworkPolicy): readonly string[] {
  return peersOf(policy).flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr, ...(ipBlock.except ?? [])] : []))
}

function ruleErrors(
  ports: readonly NetworkPolicyPort[] | undefined,
  peers: readonly NetworkPolicyPeer[] | undefined,
  direction: 'from' | 'to',
  kept: Kept,
  at: FieldPath,
): FieldError[] {
  return [
    ...(ports ?? []).flatMap((port, index) => portErrors(port, at.child('ports').index(index))),
    ...(peers ?? []).flatMap((peer, index) => peerErrors(peer, kept, at.child(direction).index(index))),
  ]
}

function portErrors({ protocol, port, endPort }: NetworkPolicyPort, at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (protocol !== undefined && !protocols.includes(protocol))
    errors.push(notSupported(at.child('protocol'), protocol, protocols))
  const endAt = at.child('endPort')
  if (port === undefined) {
    const detail = 'may not be specified when `port` is not specified'
    return endPort === undefined ? errors : [...errors, invalid(endAt, endPort, detail)]
  }
  const portAt = at.child('port')
  if (typeof port === 'string') {
    const detail = 'may not be specified when `port` is non-numeric'
    if (endPort !== undefined) errors.push(invalid(endAt, endPort, detail))
    return [...errors, ...portNameErrors(port).map((message) => invalid(portAt, port, message))]
  }
  errors.push(...portNumberErrors(port).map((message) => invalid(portAt, port, message)))
  if (endPort === undefined) return errors
  if (endPort < port) errors.push(invalid(endAt, endPort, 'must be greater than or equal to `port`'))
  return [...errors, ...portNumberErrors(endPort).map((message) => invalid(endAt, endPort, message))]
}

function peerErrors(peer: NetworkPolicyPeer, kept: Kept, at: FieldPath): FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer
  const errors: FieldError[] = []
  for (const [name, selector] of Object.entries({ podSelector, namespaceSelector })) {
    if (selector) errors.push(...validateLabelSelector(selector, at.child(name), selectorRules(kept)))
  }
  if (ipBlock) errors.push(...blockErrors(ipBlock, kept, at.child('ipBlock')))
  if (!podSelector && !namespaceSelector && !ipBlock) errors.push(required(at, 'must specify a peer'))
  else if (ipBlock && (podSelector || namespaceSelector))
    errors.push(forbidden(at, 'may not specify both ipBlock and another peer'))
  return errors
}

function blockErrors({ cidr, except = [] }: IPBlock, kept: Kept, at: FieldPath): FieldError[] {
  if (!cidr) return [required(at.child('cidr'))]
  const errors = validateCidrForLegacyField(at.child('cidr'), cidr, kept.cidrs)
  const network = parseCidr(cidr, { allowLeadingZeros: true })
  if (!network) return errors
  for (const [index, text] of except.entries()) {
    const field = at.child('except').index(index)
    errors.push(...validateCidrForLegacyField(field, text, kept.cidrs))
    const hole = parseCidr(text, { allowLeadingZeros: true })
    if (!hole) continue
    if (!cidrContains(network, hole.address) || network.prefixLength >= hole.prefixLength)
      errors.push(invalid(field, text, 'must be a strict subset of `cidr`'))
  }
  return errors
}

export function networkPolicyWarnings({ spec }: NetworkPolicy): string[] {
  const at = path('spec')
  const ofPeers = (peers: readonly NetworkPolicyPeer[] | undefined, field: FieldPath) =>
    (peers ?? []).flatMap(({ ipBlock }, index) => {
      if (!ipBlock) return []
      const block = field.index(index).child('ipBlock')
      return [
        ...warningsForCidr(block.child('cidr'), ipBlock.cidr),
        ...(ipBlock.except ?? []).flatMap((text, position) =>
          warningsForCidr(block.child('except').index(position), text),
        ),
      ]
    })
  return [
    ...(spec?.ingress ?? []).flatMap(({ from }, index) =>
      ofPeers(from, at.child('ingress').index(index).child('from')),
    ),
    ...(spec?.egress ?? []).flatMap(({ to }, index) =>
      ofPeers(to, at.child('egress').index(index).child('to')),
    ),
  ]
}

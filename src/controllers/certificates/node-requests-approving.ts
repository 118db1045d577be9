import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests, nodes, serviceCIDRs } from '../../api/generated/resources.ts'
import { nodeComponentGroup, nodeComponents, nodeComponentUser } from '../../api/node/node-components.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { cidrContains, formatIp, parseCidr, parseIp, unmapIp } from '../../machinery/ip.ts'
import { parseCertificateRequest, type CertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { keyOf } from '../../machinery/resource.ts'
import { approve } from './approve.ts'
import { kubeletServingFault } from './kubelet-requests.ts'
import { isDecided, isIssued, requestPem, signers } from './request-state.ts'

const nodePrefix = 'system:node:'
/** What the API server is called: whoever could prove to be it could read every token. */
const apiServerNames = /^(localhost|kubernetes|kubernetes\.default(\..*)?|.*\.svc(\..*)?)$/

/**
 * Approves what nodes ask for beside their own client certificates, which upstream leaves to add-ons: to serve at their
 * own name and at addresses that no other node has, and to be a proxy, a name server and a
 * provisioner of volumes on that node. None of these is more than the node is: each can be told from that of any other
 * node, and no certificate names
 * the API server, the services or what is on other nodes.
 */
export const nodeRequestsApprovingReconciler: Reconciler = {
  name: 'node-requests-approving',
  watches: [
    on(certificateSigningRequests, (request) => [keyOf(request)]),
    on(nodes, () => []),
    on(serviceCIDRs, () => []),
  ],

  async reconcile(key, { client, cache }) {
    const request = cache(certificateSigningRequests).get(key)
    if (!request || isIssued(request) || isDecided(request)) return done
    const { username = '', groups = [] } = request.spec
    if (!username.startsWith(nodePrefix) || !groups.includes('system:nodes')) return done
    const content = parseCertificateRequest(requestPem(request))
    const name = username.slice(nodePrefix.length)
    if (isOwnServing(request, content, name, () => foreignAddresses(name, cache))) {
      await approve(client, request, 'A node serves at its own addresses.')
    } else if (isOwnComponent(request, content, name)) {
      await approve(client, request, 'A component of the node.')
    }
    return done
  },
}

function isOwnServing(
  { spec }: CertificateSigningRequest,
  content: CertificateRequest,
  name: string,
  isForeign: () => (address: string) => boolean,
): boolean {
  const { username = '', signerName, usages = [] } = spec
  if (signerName !== signers.kubeletServing || kubeletServingFault(content, usages)) return false
  const { dnsNames, ipAddresses } = content.names
  return (
    content.subject.commonName === username &&
    !apiServerNames.test(name) &&
    dnsNames.every((dnsName) => dnsName === name) &&
    !ipAddresses.some(isForeign())
  )
}

/** Addresses at which somebody else than the node answers, or at which everybody means himself. */
function foreignAddresses(name: string, cache: ReconcileContext['cache']): (address: string) => boolean {
  const others = cache(nodes)
    .list()
    .filter(({ metadata }) => metadata?.name !== name)
  const taken = new Set(others.flatMap(({ status }) => status?.addresses ?? []).map(({ address }) => address))
  const networks = [
    ...neverOwn,
    ...cache(serviceCIDRs)
      .list()
      .flatMap(({ spec }) => spec?.cidrs ?? []),
    ...others.flatMap(({ spec }) => spec?.podCIDRs ?? []),
  ].flatMap((text) => parseCidr(text) ?? [])
  return (text) => {
    const parsed = parseIp(text)
    if (!parsed) return true
    const address = unmapIp(parsed)
    return taken.has(formatIp(address)) || networks.some((network) => cidrContains(network, address))
  }
}

/** Unspecified, loopback, link-local and multicast. */
const neverOwn = [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
]

function isOwnComponent(
  { spec }: CertificateSigningRequest,
  { subject, names }: CertificateRequest,
  name: string,
): boolean {
  if (spec.signerName !== signers.apiServerClient) return false
  if (spec.usages?.some((usage) => usage === 'server auth')) return false
  if (Object.values(names).some((list) => list.length > 0)) return false
  return nodeComponents.some(
    (component) =>
      subject.commonName === nodeComponentUser(component, name) &&
      subject.organizations.length === 1 &&
      subject.organizations[0] === nodeComponentGroup(component),
  )
}

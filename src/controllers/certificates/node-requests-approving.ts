import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import type { Node } from '../../api/generated/core.v1.ts'
import { certificateSigningRequests, nodes } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { parseCertificateRequest, type CertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { keyOf } from '../../machinery/resource.ts'
import { approve } from './approve.ts'
import { kubeletServingFault } from './kubelet-requests.ts'
import { isDecided, isIssued, requestPem, signers } from './request-state.ts'

const nodePrefix = 'system:node:'
/** Who a node's own components are: every node may be them. */
const accountGroups = ['system:serviceaccounts', 'system:serviceaccounts:kube-system']
const components: readonly { readonly user: string; readonly groups: readonly string[] }[] = [
  { user: 'system:kube-proxy', groups: [] },
  ...['coredns', 'local-path-provisioner'].map((account) => ({
    user: `system:serviceaccount:kube-system:${account}`,
    groups: accountGroups,
  })),
]

/**
 * Approves what nodes ask for beside their own client certificates, which upstream leaves to add-ons: to serve at their
 * own name and at addresses that no other node has, and for their proxy and name server as clients.
 */
export const nodeRequestsApprovingReconciler: Reconciler = {
  name: 'node-requests-approving',
  watches: [on(certificateSigningRequests, (request) => [keyOf(request)]), on(nodes, () => [])],

  async reconcile(key, { client, cache }) {
    const request = cache(certificateSigningRequests).get(key)
    if (!request || isIssued(request) || isDecided(request)) return done
    const { username = '', groups = [] } = request.spec
    if (!username.startsWith(nodePrefix) || !groups.includes('system:nodes')) return done
    const content = parseCertificateRequest(requestPem(request))
    if (isOwnServing(request, content, cache(nodes).list())) {
      await approve(client, request, 'A node serves at its own addresses.')
    } else if (isOwnComponent(request, content)) {
      await approve(client, request, 'A component of the node.')
    }
    return done
  },
}

function isOwnServing(
  { spec }: CertificateSigningRequest,
  content: CertificateRequest,
  all: readonly Node[],
): boolean {
  const { username = '', signerName, usages = [] } = spec
  if (signerName !== signers.kubeletServing || kubeletServingFault(content, usages)) return false
  const name = username.slice(nodePrefix.length)
  const others = all.filter(({ metadata }) => metadata?.name !== name)
  const taken = new Set(
    others.flatMap(({ status }) => (status?.addresses ?? []).map(({ address }) => address)),
  )
  return (
    content.subject.commonName === username &&
    content.names.dnsNames.every((dnsName) => dnsName === name) &&
    content.names.ipAddresses.every((address) => !taken.has(address))
  )
}

function isOwnComponent(
  { spec }: CertificateSigningRequest,
  { subject, names }: CertificateRequest,
): boolean {
  if (spec.signerName !== signers.apiServerClient) return false
  if (spec.usages?.some((usage) => usage === 'server auth')) return false
  if (Object.values(names).some((list) => list.length > 0)) return false
  return components.some(
    ({ user, groups }) =>
      subject.commonName === user &&
      subject.organizations.length === groups.length &&
      groups.every((group) => subject.organizations.includes(group)),
  )
}

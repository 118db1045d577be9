import type { CertificateRequest } from '../../machinery/pki/certificate-request.ts'

/*
 * What the certificate of a kubelet may hold; each answers what is wrong, in upstream's words, or undefined.
 * Source: kubernetes/pkg/apis/certificates/helpers.go.
 */

const nodePrefix = 'system:node:'
const nodesOrganization = 'system:nodes'

/** For a kubelet as a client of the API server. */
export function kubeletClientFault(
  { subject, names }: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  if (!isOnlyNodes(subject.organizations)) return 'subject organization is not system:nodes'
  if (names.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (names.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (names.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed'
  if (!subject.commonName.startsWith(nodePrefix)) {
    return 'subject common name does not begin with system:node:'
  }
  return isExactly(usages, 'client auth')
    ? undefined
    : 'usages did not match [client auth digital signature key encipherment]'
}

/** For a kubelet as a server. */
export function kubeletServingFault(
  { subject, names }: CertificateRequest,
  usages: readonly string[],
): string | undefined {
  if (!isOnlyNodes(subject.organizations)) return 'subject organization is not system:nodes'
  if (names.dnsNames.length === 0 && names.ipAddresses.length === 0) {
    return 'DNS or IP subjectAltName is required'
  }
  if (names.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (names.uris.length > 0) return 'URI subjectAltNames are not allowed'
  if (!isExactly(usages, 'server auth')) {
    return 'usages did not match [digital signature key encipherment server auth]'
  }
  return subject.commonName.startsWith(nodePrefix)
    ? undefined
    : 'subject common name does not begin with system:node:'
}

function isOnlyNodes(organizations: readonly string[]): boolean {
  return organizations.length === 1 && organizations[0] === nodesOrganization
}

/** `digital signature` and the purpose; `key encipherment` (RSA) may be there too, and nothing else. */
function isExactly(usages: readonly string[], purpose: string): boolean {
  const given = new Set(usages)
  given.delete('key encipherment')
  return given.size === 2 && given.has('digital signature') && given.has(purpose)
}

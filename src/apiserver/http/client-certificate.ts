import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'

const certificates = new WeakMap<object, X509Certificate | undefined>()

/** The certificate that the client showed, read once per connection, so that who verified it may remember it by identity. */
export function clientCertificateOf(socket: TLSSocket | undefined): X509Certificate | undefined {
  if (!socket) return undefined
  const known = certificates.get(socket)
  if (known || certificates.has(socket)) return known
  const certificate = socket.getPeerX509Certificate()
  certificates.set(socket, certificate)
  return certificate
}

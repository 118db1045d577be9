import type { ParsedToken } from '../../../machinery/pki/json-web-token.ts'

/** Who a token, not verified, says that it is from. Google leaves the scheme away. */
export function issuerOf({ claims }: ParsedToken): string | undefined {
  const { iss: issuer } = claims
  if (typeof issuer !== 'string') return undefined
  return issuer === 'accounts.google.com' ? 'https://accounts.google.com' : issuer
}

import type { TokenKeys } from './token-keys.ts'
import { goJson } from '../../../machinery/go-json.ts'

/** A document for relying parties that verify service-account tokens themselves. */
export interface DiscoveryDocument {
  readonly path: string
  readonly contentType: string
  readonly cacheControl: string
  readonly body: string
}

const keySetPath = '/openid/v1/jwks'

/**
 * What the server answers under `/.well-known/openid-configuration` and `/openid/v1/jwks`. `keySetUri` is where relying
 * parties reach the second. Source: kubernetes/pkg/serviceaccount/openidmetadata.go.
 */
export function discoveryDocuments(options: {
  readonly issuer: string
  readonly keySetUri: string
  readonly keys: TokenKeys
}): readonly DiscoveryDocument[] {
  const { issuer, keySetUri, keys } = options
  const algorithms = [...new Set(keys.verifying.map(({ algorithm }) => algorithm))].sort()
  const configuration = {
    issuer,
    jwks_uri: keySetUri,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: algorithms,
  }
  const keySet = {
    keys: keys.verifying.map(({ id, algorithm, publicKey }) => {
      const { kty, ...material } = publicKey.export({ format: 'jwk' })
      return { use: 'sig', kty, kid: id, alg: algorithm, ...material }
    }),
  }
  const cacheControl = 'public, max-age=3600'
  return [
    {
      path: '/.well-known/openid-configuration',
      contentType: 'application/json',
      cacheControl,
      body: goJson(configuration),
    },
    { path: keySetPath, contentType: 'application/jwk-set+json', cacheControl, body: goJson(keySet) },
  ]
}

import { parseImageReference } from '../../machinery/image-reference.ts'

/** KubeletConfiguration's imagePullCredentialsVerificationPolicy. */
export const verificationPolicies = [
  'NeverVerify',
  'NeverVerifyPreloadedImages',
  'NeverVerifyAllowlistedImages',
  'AlwaysVerify',
] as const

export type VerificationPolicyName = (typeof verificationPolicies)[number]

export const defaultVerificationPolicy: VerificationPolicyName = 'NeverVerifyPreloadedImages'

/**
 * Whether pods must have credentials for an image that is on the node already; `isPulled`: a kubelet has pulled it, it
 * has not come here otherwise.
 */
export type VerificationPolicy = (image: string, isPulled: boolean) => boolean

/** `allowlist`: names without tag and digest, or all that begin as what stands before a `*` at the end. */
export function verificationPolicy(
  name: VerificationPolicyName,
  allowlist: readonly string[] = [],
): VerificationPolicy {
  switch (name) {
    case 'NeverVerify':
      return () => false
    case 'NeverVerifyPreloadedImages':
      return (_image, isPulled) => isPulled
    case 'NeverVerifyAllowlistedImages':
      return (image) => {
        const repository = repositoryOf(image)
        return repository === undefined || !allowlist.some((pattern) => covers(pattern, repository))
      }
    case 'AlwaysVerify':
      return () => true
  }
}

/** The image's name in full, without tag and digest; undefined for what is no image name. */
export function repositoryOf(image: string): string | undefined {
  const reference = parseImageReference(image)
  return reference && `${reference.registry}/${reference.repository}`
}

function covers(pattern: string, repository: string): boolean {
  return pattern.endsWith('/*') ? repository.startsWith(pattern.slice(0, -1)) : repository === pattern
}

/** Why it cannot stand in an allowlist, in upstream's words; undefined where it can. */
export function allowlistProblem(pattern: string): string | undefined {
  if (pattern !== pattern.trim()) return `leading/trailing spaces are not allowed: ${pattern}`
  if (pattern === '') return 'the supplied pattern is too short: '
  const isWildcard = pattern.endsWith('/*')
  const name = isWildcard ? pattern.slice(0, -1) : pattern
  if (name.includes('*')) {
    return `not a valid wildcard pattern, only patterns ending with '/*' are allowed: ${pattern}`
  }
  if (isWildcard) return name === '/' ? 'at least registry hostname is required' : undefined
  const repository = repositoryOf(name)
  if (repository === undefined) return 'failed to parse as an image name: invalid reference format'
  return repository === name
    ? undefined
    : `neither tag nor digest is accepted in an image reference: ${pattern}`
}

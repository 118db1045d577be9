import type { Attributes, Authorizer } from './authorizer.ts'
import { forbidden } from './forbidden.ts'

/**
 * The message of a refusal, undefined when it is allowed; unlike for a request as a whole an authoriser that failed is
 * quoted. Source: kubernetes/pkg/registry/resource/utils.go, checkAuthorization.
 */
export async function whyRefused(
  authorizer: Authorizer,
  attributes: Attributes,
): Promise<string | undefined> {
  const decision = await authorizer.authorize(attributes)
  if (decision.type === 'allow') return undefined
  const reasons = [decision.error?.message ?? '', decision.reason].filter((reason) => reason !== '')
  return forbidden(attributes, reasons.join(': ')).message
}

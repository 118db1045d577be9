import { goQuote } from '../../machinery/go-format.ts'
import { withoutStack, type StatusError } from '../../machinery/status.ts'
import { forbidden as forbiddenStatus } from '../../machinery/status-errors.ts'
import type { Attributes } from './authorizer.ts'

const markup: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/**
 * 403, in the words that users know:
 * `pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`.
 * Source: k8s.io/apiserver/pkg/endpoints/handlers/responsewriters.
 */
export function forbidden(attributes: Attributes, reason: string): StatusError {
  const refusal = refusalOf(attributes).replaceAll(/[&<>]/g, (character) => markup[character]!)
  const detail = reason === '' ? refusal : `${refusal}: ${reason}`
  const { group, resource, name } = attributes
  return withoutStack(() => forbiddenStatus({ group, resource }, name, detail))
}

function refusalOf(attributes: Attributes): string {
  const who = `User ${goQuote(attributes.user.name)} cannot ${attributes.verb}`
  if (!attributes.isResourceRequest) return `${who} path ${goQuote(attributes.path)}`
  const { resource, subresource, namespace } = attributes
  const what = goQuote(subresource === '' ? resource : `${resource}/${subresource}`)
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${goQuote(namespace)}`
  return `${who} resource ${what} in API group ${goQuote(attributes.group)} ${where}`
}

import {
  invalid,
  invalidFor,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateIpForLegacyField } from '../../../machinery/validation/ip.ts'
import { dns1123SubdomainWithUnderscoreErrors } from '../../../machinery/validation/names.ts'
import type { PodSpec } from '../../generated/core.v1.ts'

const maxNameServers = 3
const maxSearches = 32
const maxSearchCharacters = 2048

/** Source: validatePodDNSConfig. */
export function validateDnsConfig({ dnsPolicy, dnsConfig }: PodSpec, field: FieldPath): FieldError[] {
  const serversAt = field.child('nameservers')
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')]
    const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
    if (!dnsConfig.nameservers?.length) return [required(serversAt, detail)]
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  const errors: FieldError[] = []
  if (nameservers.length > maxNameServers)
    errors.push(invalid(serversAt, nameservers, `must not have more than ${maxNameServers} nameservers`))
  for (const [index, server] of nameservers.entries())
    errors.push(...validateIpForLegacyField(serversAt.index(index), server))
  const searchesAt = field.child('searches')
  if (searches.length > maxSearches)
    errors.push(invalid(searchesAt, searches, `must not have more than ${maxSearches} search paths`))
  if (searches.join(' ').length > maxSearchCharacters) {
    const detail = `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`
    errors.push(invalid(searchesAt, searches, detail))
  }
  for (const [index, search] of searches.entries()) {
    if (search === '.') continue
    const name = search.replace(/\.$/, '')
    errors.push(...invalidFor(searchesAt.index(index), name, dns1123SubdomainWithUnderscoreErrors(name)))
  }
  for (const [index, { name }] of options.entries()) {
    if (!name) errors.push(required(field.child('options').index(index), 'must not be empty'))
  }
  return errors
}

import type {
  MatchResources,
  NamedRuleWithOperations,
} from '../../../api/generated/admissionregistration.v1.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { matchesRule } from './rules.ts'
import { matchesNamespaceSelector, matchesObjectSelector } from './selectors.ts'
import { equivalentVersions, requestedVersion, type RequestVersion } from './versions.ts'

/**
 * The version in which resources match a request; undefined when they do not. Rejects when that cannot be told. Source:
 * k8s.io/apiserver/pkg/admission/plugin/policy/matching.
 */
export async function matchingVersion(
  resources: MatchResources,
  request: AdmissionRequest,
  objects: Objects,
): Promise<RequestVersion | undefined> {
  const {
    namespaceSelector,
    objectSelector,
    matchPolicy,
    resourceRules = [],
    excludeResourceRules = [],
  } = resources
  if (!matchesObjectSelector(objectSelector, request)) return undefined
  if (versionByRules(excludeResourceRules, matchPolicy, request)) return undefined
  const version =
    resourceRules.length === 0
      ? requestedVersion(request)
      : versionByRules(resourceRules, matchPolicy, request)
  if (!version) return undefined
  return (await matchesNamespaceSelector(namespaceSelector, request, objects)) ? version : undefined
}

function versionByRules(
  rules: readonly NamedRuleWithOperations[],
  matchPolicy: string | undefined,
  request: AdmissionRequest,
): RequestVersion | undefined {
  const requested = requestedVersion(request)
  const matches = (rule: NamedRuleWithOperations, { resource }: RequestVersion) =>
    matchesRule(rule, request, resource) && matchesName(rule, request)
  if (rules.some((rule) => matches(rule, requested))) return requested
  if (matchPolicy !== 'Equivalent') return undefined
  const equivalents = equivalentVersions(request)
  for (const rule of rules) {
    const found = equivalents.find((version) => matches(rule, version))
    if (found) return found
  }
  return undefined
}

function matchesName({ resourceNames = [] }: NamedRuleWithOperations, { name }: AdmissionRequest): boolean {
  return resourceNames.length === 0 || resourceNames.includes(name)
}

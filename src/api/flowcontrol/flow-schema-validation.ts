import { semanticEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { internalForm } from '../internal-form.ts'
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../generated/flowcontrol.v1.ts'
import { validateConditionTypes } from './condition-types.ts'
import { mandatoryFlowSchemas } from './mandatory.ts'

const maxMatchingPrecedence = 10_000
const methods = ['ByNamespace', 'ByUser']
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']
const subjectKinds = ['Group', 'ServiceAccount', 'User']

/** Source: kubernetes/pkg/apis/flowcontrol/validation. */
export function validateFlowSchema({ metadata, spec, status }: FlowSchema): FieldError[] {
  const at = path('spec')
  const name = metadata?.name ?? ''
  const errors: FieldError[] = []
  const precedence = spec?.matchingPrecedence ?? 0
  const precedenceAt = at.child('matchingPrecedence')
  if (precedence <= 0) errors.push(invalid(precedenceAt, precedence, 'must be a positive value'))
  if (precedence > maxMatchingPrecedence)
    errors.push(invalid(precedenceAt, precedence, `must not be greater than ${maxMatchingPrecedence}`))
  if (precedence === 1 && name !== 'exempt') {
    const detail = "only the schema named 'exempt' may have matchingPrecedence 1"
    errors.push(invalid(precedenceAt, precedence, detail))
  }
  const method = spec?.distinguisherMethod
  if (method && !methods.includes(method.type))
    errors.push(
      notSupported(
        at.child('distinguisherMethod', 'type'),
        internalForm('flowcontrol.v1.FlowDistinguisherMethod', method),
        methods,
      ),
    )
  errors.push(...levelErrors(spec?.priorityLevelConfiguration?.name, at))
  for (const [index, rule] of (spec?.rules ?? []).entries())
    errors.push(...ruleErrors(rule, at.child('rules').index(index)))
  const fixed = Object.hasOwn(mandatoryFlowSchemas, name) ? mandatoryFlowSchemas[name] : undefined
  if (fixed && !semanticEqual(spec, fixed))
    errors.push(
      invalid(
        at,
        internalForm('flowcontrol.v1.FlowSchemaSpec', spec ?? {}),
        `spec of '${name}' must equal the fixed value`,
      ),
    )
  return [...errors, ...validateConditionTypes(status?.conditions)]
}

function levelErrors(name: string | undefined, at: FieldPath): FieldError[] {
  const field = at.child('priorityLevelConfiguration', 'name')
  if (!name) return [required(field, 'must reference a priority level')]
  return dns1123SubdomainErrors(name).map((message) => invalid(field, name, message))
}

function ruleErrors(rule: PolicyRulesWithSubjects, at: FieldPath): FieldError[] {
  const { subjects, resourceRules = [], nonResourceRules = [] } = rule
  const errors: FieldError[] = []
  if (subjects.length === 0)
    errors.push(required(at.child('subjects'), 'subjects must contain at least one value'))
  for (const [index, subject] of subjects.entries())
    errors.push(...subjectErrors(subject, at.child('subjects').index(index)))
  if (resourceRules.length === 0 && nonResourceRules.length === 0) {
    errors.push(required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty'))
  }
  for (const [index, resourceRule] of resourceRules.entries())
    errors.push(...resourceRuleErrors(resourceRule, at.child('resourceRules').index(index)))
  for (const [index, nonResourceRule] of nonResourceRules.entries())
    errors.push(...nonResourceRuleErrors(nonResourceRule, at.child('nonResourceRules').index(index)))
  return errors
}

function subjectErrors(subject: Subject, at: FieldPath): FieldError[] {
  if (!subjectKinds.includes(subject.kind))
    return [notSupported(at.child('kind'), subject.kind, subjectKinds)]
  const fields = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const
  const errors: FieldError[] = []
  for (const [kind, field] of Object.entries(fields)) {
    const value = subject[field]
    const child = at.child(field)
    if (kind !== subject.kind) {
      if (value) errors.push(forbidden(child, `${field} is forbidden when subject kind is not '${kind}'`))
    } else if (!value) {
      errors.push(required(child, `${field} is required when subject kind is '${kind}'`))
    } else if (kind === 'ServiceAccount') {
      errors.push(...serviceAccountErrors(subject.serviceAccount!, child))
    } else if (!value.name) errors.push(required(child.child('name')))
  }
  return errors
}

function serviceAccountErrors(
  { name, namespace }: NonNullable<Subject['serviceAccount']>,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if (!name) errors.push(required(at.child('name')))
  else if (name !== '*')
    errors.push(...dns1123SubdomainErrors(name).map((message) => invalid(at.child('name'), name, message)))
  const field = at.child('namespace')
  if (!namespace) errors.push(required(field, 'must specify namespace for service account'))
  else errors.push(...dns1123LabelErrors(namespace).map((message) => invalid(field, namespace, message)))
  return errors
}

/** `*` stands alone or not at all. */
function wildcardErrors(
  values: readonly string[] | undefined = [],
  at: FieldPath,
  { none, others }: { readonly none: string; readonly others: string },
): FieldError[] {
  if (values.length === 0) return [required(at, none)]
  return values.includes('*') && values.length > 1
    ? [invalid(at, values, `if '*' is present, must not specify other ${others}`)]
    : []
}

function verbErrors(values: readonly string[] | undefined = [], at: FieldPath): FieldError[] {
  const errors = wildcardErrors(values, at, {
    none: 'verbs must contain at least one value',
    others: 'verbs',
  })
  if (errors.length > 0 || values.includes('*')) return errors
  return values.every((verb) => verbs.includes(verb)) ? [] : [notSupported(at, values, verbs)]
}

function resourceRuleErrors(rule: ResourcePolicyRule, at: FieldPath): FieldError[] {
  const { namespaces = [] } = rule
  const errors = [
    ...verbErrors(rule.verbs, at.child('verbs')),
    ...wildcardErrors(rule.apiGroups, at.child('apiGroups'), {
      none: 'resource rules must supply at least one api group',
      others: 'api groups',
    }),
    ...wildcardErrors(rule.resources, at.child('resources'), {
      none: 'resource rules must supply at least one resource',
      others: 'resources',
    }),
  ]
  const field = at.child('namespaces')
  if (namespaces.length === 0 && rule.clusterScope) return errors
  const none = 'resource rules that are not cluster scoped must supply at least one namespace'
  errors.push(...wildcardErrors(namespaces, field, { none, others: 'namespaces' }))
  if (namespaces.includes('*')) return errors
  for (const [index, namespace] of namespaces.entries()) {
    for (const message of dns1123LabelErrors(namespace)) {
      const detail = `each member of this list must be '*' or a DNS-1123 label; ${message}`
      errors.push(invalid(field.index(index), namespace, detail))
    }
  }
  return errors
}

function nonResourceRuleErrors(rule: NonResourcePolicyRule, at: FieldPath): FieldError[] {
  const { nonResourceURLs } = rule
  const field = at.child('nonResourceURLs')
  const errors = [
    ...verbErrors(rule.verbs, at.child('verbs')),
    ...wildcardErrors(nonResourceURLs, field, {
      none: 'nonResourceURLs must contain at least one value',
      others: 'non-resource URLs',
    }),
  ]
  if (nonResourceURLs.includes('*')) return errors
  for (const [index, url] of nonResourceURLs.entries()) {
    const fault = urlFault(url)
    if (fault !== undefined) errors.push(invalid(field.index(index), url, fault))
  }
  return errors
}

function urlFault(url: string): string | undefined {
  if (url === '') return 'must not be empty'
  if (url === '/') return undefined
  if (!url.startsWith('/')) return 'must start with slash'
  if (url.includes(' ')) return 'must not contain white-space'
  if (url.includes('//')) return 'must not contain double slash'
  const star = url.indexOf('*')
  return star >= 0 && (star !== url.length - 1 || !url.endsWith('/*'))
    ? 'wildcard can only do suffix matching'
    : undefined
}

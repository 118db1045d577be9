import { composeVariables, typedEnvironment } from '../../../api/admissionregistration/expressions.ts'
import type {
  ExpressionWarning,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
} from '../../../api/generated/admissionregistration.v1.ts'
import { dynDeclaration } from '../../../machinery/cel/declaration.ts'
import { schemaDeclaration } from '../../../machinery/cel/schema-declaration.ts'
import type { CelEnvironment } from '../../../machinery/cel/cel.ts'
import { compareGoStrings } from '../../../machinery/go-format.ts'
import { apiVersionOf, parseApiVersion } from '../../../machinery/resource.ts'
import type { ServedResource } from '../../registry/served-resource.ts'
import type { PolicyContext } from './policy-context.ts'

const maxTypes = 10

/**
 * What does not fit the types that a policy names, in its expressions. Wildcards name none. Source:
 * k8s.io/apiserver/pkg/admission/plugin/policy/validating/typechecking.go.
 */
export function checkTypes(
  { spec = {} }: ValidatingAdmissionPolicy,
  context: Pick<PolicyContext, 'servedKind'>,
): readonly ExpressionWarning[] {
  const environments = typesOf(spec.matchConstraints?.resourceRules ?? [], context).map((served) => ({
    kind: `${apiVersionOf(served.resource)}, Kind=${served.resource.kind}`,
    environment: environmentOf(served, spec, context),
  }))
  const check = (expression: string) =>
    environments.flatMap(({ kind, environment }) => {
      const compilation = environment.compile(expression)
      return compilation.ok ? [] : [`${kind}: ${compilation.text}\n`]
    })
  return (spec.validations ?? []).flatMap(({ expression, messageExpression }, index) => [
    ...warningOf(`spec.validations[${index}].expression`, check(expression)),
    ...(messageExpression
      ? warningOf(`spec.validations[${index}].messageExpression`, check(messageExpression))
      : []),
  ])
}

function warningOf(fieldRef: string, faults: readonly string[]): readonly ExpressionWarning[] {
  return faults.length === 0 ? [] : [{ fieldRef, warning: faults.join('\n') }]
}

function environmentOf(
  { schema }: ServedResource,
  { paramKind, variables = [] }: NonNullable<ValidatingAdmissionPolicy['spec']>,
  { servedKind }: Pick<PolicyContext, 'servedKind'>,
): CelEnvironment {
  const { group = '', version = '' } = parseApiVersion(paramKind?.apiVersion ?? '') ?? {}
  const params = paramKind && servedKind({ group, version, kind: paramKind.kind ?? '' })
  const paramType = params ? schemaDeclaration(params.schema) : paramKind && dynDeclaration
  return composeVariables(typedEnvironment(schemaDeclaration(schema), paramType), variables).environment
}

/** In the order of their names. Where one rule alone has too many, the ones that were found by then. */
function typesOf(
  rules: readonly RuleWithOperations[],
  context: Pick<PolicyContext, 'servedKind'>,
): readonly ServedResource[] {
  const types = new Set<ServedResource>()
  for (const rule of rules) {
    const found = typesOfRule(rule, context)
    for (const served of found.slice(0, maxTypes)) types.add(served)
    if (found.length >= maxTypes) break
  }
  return [...types].toSorted((a, b) => compareGoStrings(sortKey(a), sortKey(b)))
}

function typesOfRule(
  { apiGroups = [], apiVersions = [], resources = [] }: RuleWithOperations,
  { servedKind }: Pick<PolicyContext, 'servedKind'>,
): readonly ServedResource[] {
  if ([...apiGroups, ...apiVersions].some((name) => name.includes('*'))) return []
  const names = resources.filter((name) => !/[*/]/.test(name)).toSorted(compareGoStrings)
  return apiGroups
    .toSorted(compareGoStrings)
    .flatMap((group) =>
      apiVersions
        .toSorted(compareGoStrings)
        .flatMap((version) => names.flatMap((resource) => servedKind({ group, version, resource }) ?? [])),
    )
}

/** Of group, version and kind, one after the other. */
function sortKey({ resource: { group, version, kind } }: ServedResource): string {
  return [group, version, kind].join('\0')
}

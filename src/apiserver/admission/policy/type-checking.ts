import {
  compilationFault,
  composeVariables,
  typedEnvironment,
} from '../../../api/admissionregistration/expressions.ts'
import type {
  ExpressionWarning,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
} from '../../../api/generated/admissionregistration.v1.ts'
import { findResource } from '../../../api/scheme.ts'
import { schemaDeclaration } from '../../../machinery/cel/schema-declaration.ts'
import type { CelEnvironment } from '../../../machinery/cel/cel.ts'
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
      const fault = compilationFault(environment.compile(expression))
      return fault === undefined ? [] : [`${kind}: ${fault}\n`]
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
  const base = typedEnvironment(schemaDeclaration(schema), params && schemaDeclaration(params.schema))
  return composeVariables(base, variables).environment
}

function typesOf(
  rules: readonly RuleWithOperations[],
  { servedKind }: Pick<PolicyContext, 'servedKind'>,
): readonly ServedResource[] {
  const types = new Set<ServedResource>()
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([apiGroups, apiVersions, resources].some((list) => list.includes('*'))) continue
    for (const group of apiGroups.toSorted()) {
      for (const version of apiVersions.toSorted()) {
        for (const resource of resources.filter((name) => !name.includes('/')).toSorted()) {
          const found = findResource({ group, version, resource })
          const served = found && servedKind(found)
          if (served && types.size < maxTypes) types.add(served)
        }
      }
    }
  }
  return [...types]
}

import {
  dynDeclaration,
  objectDeclaration,
  valueDeclaration,
  type CelDeclaration,
} from '../../machinery/cel/declaration.ts'
import {
  authorizerDeclaration,
  requestResourceDeclaration,
} from '../../machinery/cel/authorizer-declarations.ts'
import type { CelCompilation, CelEnvironment } from '../../machinery/cel/cel.ts'
import { createCelEnvironment } from '../../machinery/cel/environment.ts'
import {
  boolType,
  dynType,
  listType,
  nullType,
  stringType,
  structType,
  type CelType,
} from '../../machinery/cel/types.ts'
import type { CelValue } from '../../machinery/cel/values/value.ts'
import type { Variable } from '../generated/admissionregistration.v1.ts'
import { namespaceDeclaration, requestDeclaration } from './expression-declarations.ts'

/** Which variables there are beside object, oldObject, request and namespaceObject. */
export interface ExpressionVariables {
  readonly params: boolean
  readonly authorizer: boolean
}

const environments = new Map<string, CelEnvironment>()

/** The environment of expressions of admission. Source: k8s.io/apiserver/pkg/admission/plugin/cel/compile.go. */
export function admissionEnvironment(
  variables: ExpressionVariables,
  { mutation = false }: { readonly mutation?: boolean } = {},
): CelEnvironment {
  const key = `${variables.params} ${variables.authorizer} ${mutation}`
  let environment = environments.get(key)
  if (!environment) {
    environment = createCelEnvironment({ variables: declarationsOf(variables), mutation })
    environments.set(key, environment)
  }
  return environment
}

/**
 * As admissionEnvironment, with the types of the objects that a policy is about, for type checking. `params`: undefined
 * where a policy has none, dynDeclaration where their type is not known.
 */
export function typedEnvironment(object: CelDeclaration, params: CelDeclaration | undefined): CelEnvironment {
  const variables = declarationsOf({ params: params !== undefined, authorizer: true })
  return createCelEnvironment({
    variables: { ...variables, object, oldObject: object, ...(params && { params }) },
  })
}

function declarationsOf({
  params,
  authorizer,
}: ExpressionVariables): Readonly<Record<string, CelDeclaration>> {
  return {
    object: dynDeclaration,
    oldObject: dynDeclaration,
    request: requestDeclaration,
    namespaceObject: namespaceDeclaration,
    ...(params && { params: dynDeclaration }),
    ...(authorizer && {
      authorizer: authorizerDeclaration,
      'authorizer.requestResource': requestResourceDeclaration,
    }),
  }
}

/** What a kind of expression must evaluate to. */
export const expressionTypes = {
  condition: [boolType],
  message: [stringType],
  auditAnnotation: [stringType, nullType],
  applyConfiguration: [structType('Object')],
  jsonPatch: [listType(structType('JSONPatch'))],
  any: undefined,
} as const satisfies Record<string, readonly CelType[] | undefined>

/** A variable of a policy, compiled. */
export interface CompiledVariable {
  readonly name: string
  readonly expression: string
  readonly compilation: CelCompilation
}

/** An environment in which expressions may use the variables of a policy, of which each may use those before it. */
export interface ComposedEnvironment {
  readonly environment: CelEnvironment
  readonly variables: readonly CompiledVariable[]
}

/**
 * The variables are compiled in `base`; `users`, which may know less, are the expressions that use them. They know that
 * there may be variables when there are some, unless `isDeclared` says otherwise.
 */
export function composeVariables(
  base: CelEnvironment,
  variables: readonly Variable[],
  users = base,
  isDeclared = variables.length > 0,
): ComposedEnvironment {
  const fields: Record<string, CelDeclaration> = {}
  const compiled: CompiledVariable[] = []
  const extended = (environment: CelEnvironment) =>
    environment.extend({ variables: variablesDeclaration(fields) })
  for (const { name, expression } of variables) {
    const compilation = extended(base).compile(expression)
    compiled.push({ name, expression, compilation })
    fields[name] = valueDeclaration(compilation.ok ? compilation.program.outputType : dynType)
  }
  return { environment: isDeclared ? extended(users) : users, variables: compiled }
}

/** Its values are CelLazyObjects. */
function variablesDeclaration(fields: Readonly<Record<string, CelDeclaration>>): CelDeclaration {
  return { ...objectDeclaration(variablesType, fields), wrap: (value) => value as CelValue }
}

/** The name of the type of `variables`. */
export const variablesType = 'kubernetes.variables'

export function compileExpression(
  environment: CelEnvironment,
  expression: string,
  outputTypes: readonly CelType[] | undefined,
): CelCompilation {
  return environment.compile(expression, outputTypes && { outputTypes })
}

/** Why an expression is refused, as upstream's validation says it; undefined when it compiles. */
export function compilationFault(compilation: CelCompilation): string | undefined {
  if (compilation.ok) return undefined
  return compilation.reason === 'issues' ? `compilation failed: ${compilation.text}` : compilation.text
}

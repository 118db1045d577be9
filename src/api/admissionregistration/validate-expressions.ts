import { invalid, required, type FieldError } from '../../machinery/field-error.ts'
import type { FieldPath } from '../../machinery/field-path.ts'
import type { CelEnvironment } from '../../machinery/cel/cel.ts'
import type { Variable } from '../generated/admissionregistration.v1.ts'
import { loadedExpressions } from './expression-loader.ts'

const identifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/
const reserved: ReadonlySet<string> = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return ' +
    'var void while'
  ).split(' '),
)

export type ExpressionPurpose =
  | 'condition'
  | 'message'
  | 'auditAnnotation'
  | 'applyConfiguration'
  | 'jsonPatch'

/** Compiles the expressions of one policy. */
export class ExpressionValidator {
  readonly #variables: readonly Variable[]
  readonly #params: boolean
  readonly #mutation: boolean
  readonly #environments = new Map<boolean, CelEnvironment>()

  constructor(
    variables: readonly Variable[],
    { params, mutation = false }: { readonly params: boolean; readonly mutation?: boolean },
  ) {
    this.#variables = variables
    this.#params = params
    this.#mutation = mutation
  }

  validateVariables(at: FieldPath): FieldError[] {
    if (this.#variables.length === 0) return []
    const { composeVariables, compilationFault } = loadedExpressions()
    const compiled = composeVariables(this.#variablesBase(), this.#saidVariables).variables.values()
    return this.#variables.flatMap((variable, index) => {
      const where = at.index(index)
      const errors = validateVariableName(variable.name, where.child('name'))
      if (!isSaid(variable)) {
        return [...errors, required(where.child('expression'), 'expression is not specified')]
      }
      const fault = compilationFault(compiled.next().value!.compilation)
      if (fault === undefined) return errors
      return [...errors, invalid(where.child('expression'), variable.expression, fault)]
    })
  }

  /** `authorizer`: whether the expression may ask it; messages may not. `written`: as the object has it. */
  validate(
    expression: string,
    purpose: ExpressionPurpose,
    at: FieldPath,
    { authorizer = true, written = expression }: { readonly authorizer?: boolean; written?: string } = {},
  ): FieldError[] {
    const { compileExpression, compilationFault, expressionTypes } = loadedExpressions()
    const compilation = compileExpression(this.#environment(authorizer), expression, expressionTypes[purpose])
    const fault = compilationFault(compilation)
    return fault === undefined ? [] : [invalid(at, written, fault)]
  }

  #environment(authorizer: boolean): CelEnvironment {
    let environment = this.#environments.get(authorizer)
    if (!environment) {
      environment = loadedExpressions().composeVariables(
        this.#variablesBase(),
        this.#saidVariables,
        this.#base(authorizer),
        this.#mutation || this.#variables.length > 0,
      ).environment
      this.#environments.set(authorizer, environment)
    }
    return environment
  }

  /** No expression knows a variable that says nothing. */
  get #saidVariables(): readonly Variable[] {
    return this.#variables.filter(isSaid)
  }

  /** Variables may not make objects and patches, not even those of mutations. */
  #variablesBase(): CelEnvironment {
    return loadedExpressions().admissionEnvironment({ params: this.#params, authorizer: true })
  }

  #base(authorizer: boolean): CelEnvironment {
    const { admissionEnvironment } = loadedExpressions()
    return admissionEnvironment({ params: this.#params, authorizer }, { mutation: this.#mutation })
  }
}

function isSaid({ expression }: Variable): boolean {
  return (expression ?? '').trim() !== ''
}

function validateVariableName(name: string, at: FieldPath): FieldError[] {
  if ((name ?? '').trim() === '') return [required(at, 'name is not specified')]
  return identifier.test(name) && !reserved.has(name)
    ? []
    : [invalid(at, name, 'must be a valid CEL identifier')]
}

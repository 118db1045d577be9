import type { SubjectAccessReviewSpec } from '../../../api/generated/authorization.v1.ts'
import { CelBudget } from '../../../machinery/cel/budget.ts'
import type { CelProgram } from '../../../machinery/cel/cel.ts'
import {
  listDeclaration,
  mapDeclaration,
  objectDeclaration,
  stringDeclaration,
} from '../../../machinery/cel/declaration.ts'
import { createCelEnvironment } from '../../../machinery/cel/environment.ts'
import { boolType } from '../../../machinery/cel/types.ts'
import type { MatchOutcome, WebhookMetrics } from './webhook-metrics.ts'

const text = stringDeclaration
const texts = listDeclaration(text)
const requirement = objectDeclaration('kubernetes.SelectorRequirement', {
  key: text,
  operator: text,
  values: texts,
})
const selectorFields = { rawSelector: text, requirements: listDeclaration(requirement) }

const request = objectDeclaration('kubernetes.SubjectAccessReviewSpec', {
  resourceAttributes: objectDeclaration('kubernetes.ResourceAttributes', {
    namespace: text,
    verb: text,
    group: text,
    version: text,
    resource: text,
    subresource: text,
    name: text,
    fieldSelector: objectDeclaration('kubernetes.FieldSelectorAttributes', selectorFields),
    labelSelector: objectDeclaration('kubernetes.LabelSelectorAttributes', selectorFields),
  }),
  nonResourceAttributes: objectDeclaration('kubernetes.NonResourceAttributes', { path: text, verb: text }),
  user: text,
  groups: texts,
  extra: mapDeclaration(texts),
  uid: text,
})

/** Which requests a webhook is asked about: those for which all of the expressions are true. */
export interface MatchConditions {
  /** Throws an Error that says which expressions could not be evaluated, unless another one is false. */
  match(spec: SubjectAccessReviewSpec): boolean
}

/** A compiled expression, or why it is none. */
export function compileMatchCondition(expression: string): CelProgram | string {
  const compilation = environment().compile(expression, { outputTypes: [boolType] })
  if (compilation.ok) return compilation.program
  return compilation.reason === 'issues' ? `compilation failed: ${compilation.text}` : compilation.text
}

let shared: ReturnType<typeof createCelEnvironment> | undefined

function environment() {
  shared ??= createCelEnvironment({ variables: { request } })
  return shared
}

/** Source: k8s.io/apiserver/pkg/authorization/cel. The expressions are valid ones; each may cost as much as any. */
export function createMatchConditions(
  expressions: readonly string[],
  metrics: WebhookMetrics,
): MatchConditions {
  const programs = expressions.map(compileMatchCondition).filter((program) => typeof program !== 'string')
  return {
    match(spec) {
      if (programs.length === 0) return true
      const { matches, isDecided, faults } = metrics.match(() => evaluateAll(programs, spec))
      if (!isDecided) throw new Error(faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`)
      return matches
    },
  }
}

function evaluateAll(programs: readonly CelProgram[], spec: SubjectAccessReviewSpec): MatchOutcome {
  const variables = { request: withEveryText(spec) }
  const faults: string[] = []
  for (const program of programs) {
    const outcome = program.evaluate(variables, new CelBudget())
    if ('error' in outcome) {
      faults.push(
        `cel evaluation error: expression '${program.expression}' resulted in error: ${outcome.error.message}`,
      )
    } else if (outcome.value !== true) return { matches: false, isDecided: true, faults }
  }
  const isDecided = faults.length === 0
  return { matches: isDecided, isDecided, faults: [...new Set(faults)] }
}

/** Expressions may read every text, also those that are empty and so not in the review itself. */
function withEveryText(spec: SubjectAccessReviewSpec): object {
  const nothing = { namespace: '', verb: '', group: '', version: '', resource: '', subresource: '', name: '' }
  const { resourceAttributes } = spec
  return {
    user: '',
    groups: [],
    uid: '',
    extra: {},
    ...spec,
    ...(resourceAttributes && { resourceAttributes: { ...nothing, ...resourceAttributes } }),
  }
}

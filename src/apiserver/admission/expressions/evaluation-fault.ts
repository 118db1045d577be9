import type { CelError } from '../../../machinery/cel/error.ts'

/** What is said when expressions together cost more than they may. */
export const outOfBudget =
  'validation failed due to running out of cost budget, no further validation rules will be run'

/** Why an evaluation has no value, as upstream tells it. Source: k8s.io/apiserver/pkg/admission/plugin/cel/activation.go. */
export function evaluationFault(expression: string, error: CelError): string {
  return error.reason === 'budget'
    ? outOfBudget
    : `expression '${expression}' resulted in error: ${error.message}`
}

import type { CelError } from '../../../machinery/cel/error.ts'

/** Why an evaluation has no value, as upstream tells it. Source: k8s.io/apiserver/pkg/admission/plugin/cel/condition.go. */
export function evaluationFault(expression: string, error: CelError): string {
  if (error.reason === 'budget') {
    return 'validation failed due to running out of cost budget, no further validation rules will be run'
  }
  return `expression '${expression}' resulted in error: ${error.message}`
}

import { invalid, path, required, type FieldError } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { CustomResourceDefinition } from '../generated/apiextensions.v1.ts'

/** On definitions in groups of the Kubernetes project: where the API was approved, or why it was not. */
const approvalAnnotation = 'api-approved.kubernetes.io'

export type Approval = 'Approved' | 'Bypassed' | 'Missing' | 'Invalid'

/** Whether definitions in the group need an approval. */
export function needsApproval(group: string): boolean {
  return /(^|\.)(k8s|kubernetes)\.io$/.test(group)
}

/** What the annotation says, and how a condition words it. Source: apiextensions-apiserver/pkg/apihelpers. */
export function approvalOf({ metadata }: CustomResourceDefinition): {
  readonly approval: Approval
  readonly reason: string
} {
  const value = metadata?.annotations?.[approvalAnnotation] ?? ''
  const must = `protected groups must have approval annotation ${goQuote(approvalAnnotation)}`
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111'
  if (value === '') return { approval: 'Missing', reason: `${must}, ${see}` }
  if (value.startsWith('unapproved'))
    return { approval: 'Bypassed', reason: `not approved: ${goQuote(value)}` }
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/]/.test(value) && URL.canParse(value)) {
    return { approval: 'Approved', reason: `approved in ${value}` }
  }
  return {
    approval: 'Invalid',
    reason: `${must} with either a URL or a reason starting with "unapproved", ${see}`,
  }
}

export function approvalErrors(
  definition: CustomResourceDefinition,
  previous: CustomResourceDefinition | undefined,
): readonly FieldError[] {
  if (!needsApproval(definition.spec.group)) return []
  const { approval, reason } = approvalOf(definition)
  if (previous && approvalOf(previous).approval === approval) return []
  const at = path('metadata', 'annotations').key(approvalAnnotation)
  switch (approval) {
    case 'Invalid':
      return [invalid(at, definition.metadata?.annotations?.[approvalAnnotation] ?? '', reason)]
    case 'Missing':
      return [required(at, reason)]
    case 'Approved':
    case 'Bypassed':
      return []
  }
}

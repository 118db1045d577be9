import type { CelAuthorizer, CelRequestResource } from './authorizer.ts'
import { valueDeclaration, type CelDeclaration } from './declaration.ts'
import { structType } from './types.ts'

/** Of the variable `authorizer`; its value is a CelAuthorizer. */
export const authorizerDeclaration: CelDeclaration = valueDeclaration(
  structType('kubernetes.authorization.Authorizer'),
)

/** Of the variable `authorizer.requestResource`; its value is made by `requestResourceCheck`. */
export const requestResourceDeclaration: CelDeclaration = valueDeclaration(
  structType('kubernetes.authorization.ResourceCheck'),
)

/** The value of `authorizer.requestResource`. */
export function requestResourceCheck(authorizer: CelAuthorizer, resource: CelRequestResource): unknown {
  return { authorizer, resource }
}

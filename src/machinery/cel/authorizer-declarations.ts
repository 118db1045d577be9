import type { CelAuthorizer, CelRequestResource } from './authorizer.ts'
import { valueDeclaration, type CelDeclaration } from './declaration.ts'
import {
  authorizerType,
  CelAuthorizerValue,
  ResourceCheck,
  resourceCheckType,
} from './library/authorization.ts'

/** Of the variable `authorizer`; its value is a CelAuthorizer. */
export const authorizerDeclaration: CelDeclaration = {
  ...valueDeclaration(authorizerType),
  wrap: (raw) => new CelAuthorizerValue(raw as CelAuthorizer, undefined),
}

/** Of the variable `authorizer.requestResource`; its value is made by `requestResourceCheck`. */
export const requestResourceDeclaration: CelDeclaration = valueDeclaration(resourceCheckType)

/** The value of `authorizer.requestResource`. */
export function requestResourceCheck(authorizer: CelAuthorizer, resource: CelRequestResource): unknown {
  return new ResourceCheck(authorizer, undefined, resource)
}

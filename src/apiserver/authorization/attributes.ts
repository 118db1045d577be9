import type { User } from '../authentication/authenticator.ts'
import type { RequestInfo } from '../request-info.ts'
import type { Attributes } from './authorizer.ts'

/** What the authorisers are asked about a request. */
export function attributesOf(info: RequestInfo, user: User): Attributes {
  return {
    user,
    verb: info.verb,
    isResourceRequest: info.isResourceRequest,
    group: info.group,
    version: info.version,
    resource: info.resource,
    subresource: info.subresource,
    namespace: info.namespace,
    name: info.name,
    path: info.path,
    ...(info.fieldSelector && { fieldSelector: info.fieldSelector }),
    ...(info.labelSelector && { labelSelector: info.labelSelector }),
  }
}

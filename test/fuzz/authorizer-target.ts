import assert from 'node:assert/strict'
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../../src/api/generated/resources.ts'
import { memoryObjects } from '../../src/apiserver/admission/testing/memory-objects.ts'
import { attributesOf } from '../../src/apiserver/authorization/attributes.ts'
import { createAuthorization } from '../../src/apiserver/authorization/create-authorization.ts'
import { parseRequestInfo } from '../../src/apiserver/http/parse-request-info.ts'
import { decodePath, queryOf } from '../../src/apiserver/http/request-url.ts'
import type { FuzzTarget } from './fuzz.ts'

const apiGroup = 'rbac.authorization.k8s.io'
const subjects = [{ kind: 'User', apiGroup, name: 'jane' }]
const jane = { name: 'jane', groups: ['system:authenticated'] }

function authorization() {
  const objects = memoryObjects()
  objects.put(roles, {
    metadata: { namespace: 'mine', name: 'r' },
    rules: [
      { apiGroups: [''], resources: ['configmaps', 'pods/log'], resourceNames: [], verbs: ['get', 'list'] },
    ],
  })
  objects.put(roleBindings, {
    metadata: { namespace: 'mine', name: 'b' },
    roleRef: { apiGroup, kind: 'Role', name: 'r' },
    subjects,
  })
  objects.put(clusterRoles, {
    metadata: { name: 'c' },
    rules: [{ nonResourceURLs: ['/logs/*'], verbs: ['get'] }],
  })
  objects.put(clusterRoleBindings, {
    metadata: { name: 'c' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'c' },
    subjects,
  })
  return createAuthorization(objects).authorizer
}
const authorizer = authorization()

/** All that Jane may ask for, said another way than the authoriser's. */
const allowed = [
  /^\/+api\/[^/]*\/namespaces\/mine\/configmaps(\/[^/]*(\/\/.*)?)?\/*$/s,
  /^\/+api\/[^/]*\/namespaces\/mine\/pods\/[^/]+\/log(\/.*)?$/s,
  /^\/logs\//,
  /^\/?(healthz|readyz|livez)$/,
]

/** Whatever a request's line says, it opens no more than the roles do. */
export const authorizerTarget: FuzzTarget = {
  name: 'authorizer',
  run(input) {
    const [method = '', url = ''] = input.toString().split(' ')
    const path = decodePath(url)
    const info = parseRequestInfo(method, path, queryOf(url))
    const decision = authorizer.authorize(attributesOf(info, jane))
    assert.ok(!(decision instanceof Promise))
    if (decision.type !== 'allow') return decision.type
    assert.ok(
      allowed.some((pattern) => pattern.test(path)),
      `${info.verb} ${JSON.stringify(path)} was allowed: ${decision.reason}`,
    )
    if (info.isResourceRequest) assert.ok(['get', 'list'].includes(info.verb))
    return `allow ${info.parts.length}`
  },
}

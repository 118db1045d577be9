import { groupVersionPath } from './input.ts'
import { capitalized, groupWord, tagOf, typeNames } from './names.ts'
import { type ApiOperation, type ApiPath, json, protobuf, responses, yaml } from './operations.ts'

/** Paths that belong to no resource, by the name of their document in OpenAPI v3. */
export function serverPaths(
  versions: readonly { readonly group: string; readonly version: string }[],
): Map<string, ApiPath[]> {
  const documents = new Map<string, ApiPath[]>([
    ['api', [information('/api/', 'getCoreAPIVersions', 'core', typeNames.apiVersions)]],
    ['apis', [information('/apis/', 'getAPIVersions', 'apis', typeNames.apiGroupList)]],
    ['version', [information('/version/', 'getCodeVersion', 'version', typeNames.versionInfo, [json])]],
    [
      '.well-known/openid-configuration',
      [
        information(
          '/.well-known/openid-configuration/',
          'getServiceAccountIssuerOpenIDConfiguration',
          'WellKnown',
          'string',
          [json],
        ),
      ],
    ],
    [
      'openid/v1/jwks',
      [
        information('/openid/v1/jwks/', 'getServiceAccountIssuerOpenIDKeyset', 'openid', 'string', [
          'application/jwk-set+json',
        ]),
      ],
    ],
  ])
  for (const { group, version } of versions) {
    const word = groupWord(group)
    const tag = tagOf(group, version)
    if (group !== '') {
      const groupPath = `/apis/${group}/`
      documents.set(`apis/${group}`, [
        information(groupPath, `get${word}APIGroup`, tag.replace(/_[^_]*$/, ''), typeNames.apiGroup),
      ])
    }
    const root = groupVersionPath({ group, version })
    documents.set(root, [
      information(
        `/${root}/`,
        `get${word}${capitalized(version)}APIResources`,
        tag,
        typeNames.apiResourceList,
      ),
    ])
  }
  return documents
}

function information(
  path: string,
  operationId: string,
  tag: string,
  type: string,
  produces: readonly string[] = [json, yaml, protobuf],
): ApiPath {
  const operation: ApiOperation = {
    method: 'get',
    operationId,
    description: `read ${path}`,
    tag,
    parameters: [],
    consumes: type === 'string' ? [] : produces,
    produces,
    responses: responses(type, 200),
  }
  return { path, parameters: [], operations: [operation] }
}

import type { TokenRequest } from '../../../api/generated/authentication.v1.ts'
import { schemaOf } from '../../../api/scheme.ts'
import type { ObjectName } from '../../../machinery/resource.ts'
import { admitSubresource } from '../admit-subresource.ts'
import { verbNotAllowed } from '../dispatch.ts'
import { ensureNamespace, metadataOf } from '../object-meta.ts'
import { readObject } from '../read-object.ts'
import type { Subresource } from '../subresource.ts'

const tokenRequestKind = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' }

/** Makes tokens for service accounts; see authentication/service-accounts/create-token.ts. */
export type CreateToken = (
  account: ObjectName,
  request: TokenRequest,
  options: { warn(message: string): void; annotate?(key: string, value: string): void },
) => Promise<TokenRequest>

export function tokenSubresource(createToken: CreateToken): Subresource {
  return {
    name: 'token',
    kind: () => tokenRequestKind,
    verbs: ['create'],
    appliesTo: ({ definition: { resource } }) =>
      resource.group === '' && resource.resource === 'serviceaccounts',

    async handle(accounts, scope, request) {
      if (request.verb !== 'create') throw verbNotAllowed()
      const { name, body, options } = request
      const expected = { kind: tokenRequestKind, schema: schemaOf(tokenRequestKind)! }
      const wanted = readObject<TokenRequest>(expected, body, options, scope)
      const metadata = metadataOf(wanted)
      ensureNamespace(accounts.definition, metadata, scope.namespace)
      metadata.name ||= name
      await admitSubresource(accounts, scope, name, wanted, options)
      const account = { namespace: scope.namespace, name }
      const object = await createToken(account, wanted, {
        warn: (message) => scope.warn(message),
        ...(scope.annotate && { annotate: scope.annotate }),
      })
      const { apiVersion = 'authentication.k8s.io/v1', kind = 'TokenRequest', ...rest } = object
      return { type: 'object', code: 201, object: { kind, apiVersion, ...rest } }
    },
  }
}

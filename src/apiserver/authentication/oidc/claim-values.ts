import {
  anyDeclaration,
  listDeclaration,
  mapDeclaration,
  stringDeclaration,
} from '../../../machinery/cel/declaration.ts'
import { unescapeFieldName } from '../../../machinery/cel/field-names.ts'
import { JsonList } from '../../../machinery/cel/values/list.ts'
import { JsonMap } from '../../../machinery/cel/values/map.ts'
import type { CelValue } from '../../../machinery/cel/values/value.ts'

type Wrap = (raw: unknown) => CelValue

/**
 * A JSON object whose keys may be said escaped, as names of fields are: `claims.groups__dash__admin`.
 * Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc, unescapeWrapper.
 */
class UnescapingMap extends JsonMap {
  override get(key: CelValue): CelValue | undefined {
    return super.get(typeof key === 'string' ? (unescapeFieldName(key) ?? key) : key)
  }

  /** What stands in front of `in` is data. */
  override has(key: CelValue): boolean {
    return super.get(key) !== undefined
  }
}

/** All claims of a token. */
class ClaimsMap extends JsonMap {
  override readonly typeName = 'kubernetes.claims'

  override get(key: CelValue): CelValue | undefined {
    const name = typeof key === 'string' ? unescapeFieldName(key) : undefined
    return name === undefined ? undefined : super.get(name)
  }
}

/** Numbers are doubles, also those without a fraction: a token's JSON is read without a schema. */
function wrapClaim(raw: unknown): CelValue {
  if (Array.isArray(raw)) return new JsonList(raw, wrapClaim)
  if (typeof raw === 'object' && raw !== null)
    return new UnescapingMap(raw as Readonly<Record<string, unknown>>, wrapClaim)
  return raw as CelValue
}

export const claimsDeclaration = declare(
  mapDeclaration(anyDeclaration),
  (raw) => new ClaimsMap(raw as Readonly<Record<string, unknown>>, wrapClaim),
)

const texts = listDeclaration(stringDeclaration)

export const userExtraDeclaration = declare(
  mapDeclaration(texts),
  (raw) => new UnescapingMap(raw as Readonly<Record<string, unknown>>, texts.wrap),
)

function declare<T extends { readonly wrap: Wrap }>(declaration: T, wrap: Wrap): T {
  return { ...declaration, wrap }
}

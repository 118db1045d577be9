import {
  expectTag,
  objectIdentifier,
  readAll,
  readObjectIdentifier,
  readOne,
  readString,
  sequence,
  setOf,
  tags,
  utf8String,
} from './der.ts'

/** What Kubernetes reads from a certificate's subject: who (CN), in which groups (O), and which uid. */
export interface Subject {
  readonly commonName: string
  readonly organizations: readonly string[]
  /** At most one. */
  readonly uid?: string
}

const commonNameId = '2.5.4.3'
const organizationId = '2.5.4.10'
/** Kubernetes' own attribute for a user's uid. Source: k8s.io/apimachinery/pkg/util/net, k8s.io/api. */
export const uidId = '1.3.6.1.4.1.57683.2'

/** A subject as a certificate holds it: the organisations in their order, then the name, then the uid. */
export function encodeName({ commonName, organizations, uid }: Subject): Buffer {
  const attribute = (id: string, text: string) => sequence(objectIdentifier(id), utf8String(text))
  return sequence(
    ...organizations.map((organization) => setOf(attribute(organizationId, organization))),
    ...(commonName !== '' ? [setOf(attribute(commonNameId, commonName))] : []),
    ...(uid ? [setOf(attribute(uidId, uid))] : []),
  )
}

/** One attribute of a name, in order: `{ type: '2.5.4.3', value: 'jane' }`. */
export interface NameAttribute {
  readonly type: string
  readonly value: string
}

/** The attributes of an encoded name, in order. Throws DerError. */
export function decodeName(encoded: Uint8Array): readonly NameAttribute[] {
  return readAll(readOne(encoded, tags.sequence).content).flatMap((relative) =>
    readAll(expectTag(relative, tags.set).content).map((attribute) => {
      const [type, value] = readAll(expectTag(attribute, tags.sequence).content)
      if (!value) throw new TypeError('a name attribute without a value')
      return {
        type: readObjectIdentifier(expectTag(type, tags.objectIdentifier).content),
        value: readString(value),
      }
    }),
  )
}

/** The last common name counts, as in Go. Throws when there is more than one uid, or an empty one. */
export function subjectOf(attributes: readonly NameAttribute[]): Subject {
  const valuesOf = (id: string) => attributes.filter(({ type }) => type === id).map(({ value }) => value)
  const uids = valuesOf(uidId)
  if (uids.length > 1) throw new Error(`expected 1 UID, but found multiple: [${uids.join(' ')}]`)
  if (uids[0] === '') throw new Error('UID cannot be an empty string')
  return {
    commonName: valuesOf(commonNameId).at(-1) ?? '',
    organizations: valuesOf(organizationId),
    ...(uids[0] && { uid: uids[0] }),
  }
}

import { compareGoStrings, goQuote } from '../../../machinery/go-format.ts'
import { badRequest } from '../../../machinery/status-errors.ts'
import type { Credentials, User } from '../authenticator.ts'
import { unescapeKey } from '../front-proxy.ts'

const extraPrefix = 'impersonate-extra-'

/**
 * The user that the headers Impersonate-User, -Group, -Uid and -Extra-* ask for, as they say it; undefined when they ask
 * for none. Throws BadRequest when they name anything but a user.
 */
export function wantedUser({ headers }: Pick<Credentials, 'headers'>): User | undefined {
  const valuesOf = (header: string): readonly string[] => [headers[header] ?? []].flat()
  const name = valuesOf('impersonate-user')[0] ?? ''
  const uid = valuesOf('impersonate-uid')[0] ?? ''
  const groups = valuesOf('impersonate-group')
  const extra = new Map<string, readonly string[]>()
  for (const header of Object.keys(headers)) {
    if (!header.startsWith(extraPrefix)) continue
    const key = unescapeKey(header.slice(extraPrefix.length).toLowerCase())
    extra.set(key, [...(extra.get(key) ?? []), ...valuesOf(header)])
  }
  if (name === '') {
    if (uid === '' && groups.length === 0 && extra.size === 0) return undefined
    throw badRequest(`requested ${describe(uid, groups, extra)} without impersonating a user name`)
  }
  return {
    name,
    ...(uid !== '' && { uid }),
    groups,
    ...(extra.size > 0 && { extra: Object.fromEntries(extra) }),
  }
}

/** As upstream prints the user it could not make sense of. */
function describe(
  uid: string,
  groups: readonly string[],
  extra: ReadonlyMap<string, readonly string[]>,
): string {
  const list = (values: readonly string[]) => `[]string{${values.map(goQuote).join(', ')}}`
  const groupText = groups.length > 0 ? list(groups) : '[]string(nil)'
  const entries = [...extra]
    .sort(([a], [b]) => compareGoStrings(a, b))
    .map(([key, values]) => `${goQuote(key)}:${list(values)}`)
  const extraText = extra.size > 0 ? `map[string][]string{${entries.join(', ')}}` : 'map[string][]string(nil)'
  return `&user.DefaultInfo{Name:"", UID:${goQuote(uid)}, Groups:${groupText}, Extra:${extraText}}`
}

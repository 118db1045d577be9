import type { User } from './authenticator.ts'

/**
 * Reads `--token-auth-file`: lines of `token,user,uid` and, optionally, `"group1,group2"`. Throws an Error that names the
 * line, and nothing of what stands in it.
 */
export function readTokenFile(content: string): readonly { readonly token: string; readonly user: User }[] {
  return content.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return []
    const fields = splitFields(line.trim())
    const [token = '', name = '', uid = '', groups = ''] = fields
    if (fields.length < 3) {
      throw new Error(
        `token file must have at least 3 columns (token, user name, user uid), line ${index + 1} has ${fields.length}`,
      )
    }
    if (token === '' || name === '')
      throw new Error(`line ${index + 1} of the token file has an empty token or user name`)
    const groupNames = groups.split(',').filter((group) => group !== '')
    return [{ token, user: { name, ...(uid && { uid }), groups: groupNames } }]
  })
}

/** Fields of one line of CSV; quotes within quotes are doubled. */
function splitFields(line: string): readonly string[] {
  return [...line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain.trim(),
  )
}

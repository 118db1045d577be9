import type { User } from './authenticator.ts'

/**
 * Reads `--token-auth-file`: lines of `token,user,uid` and, optionally, `"group1,group2"`. Throws an Error that names the
 * line, and nothing of what stands in it.
 */
export function readTokenFile(content: string): readonly { readonly token: string; readonly user: User }[] {
  return content.split(/\r?\n/).flatMap((line, index) => {
    if (line === '') return []
    const fields = splitFields(line)
    const [token = '', name = '', uid = '', groups = ''] = fields
    if (fields.length < 3) {
      throw new Error(
        `token file must have at least 3 columns (token, user name, user uid), line ${index + 1} has ${fields.length}`,
      )
    }
    // Upstream passes over it, too, and nobody can come with it.
    if (token === '') return []
    const groupNames = fields.length > 3 ? groups.split(',') : []
    return [{ token, user: { name, ...(uid && { uid }), groups: groupNames } }]
  })
}

/** Fields of one line of CSV, with the blanks around them; quotes within quotes are doubled. */
function splitFields(line: string): readonly string[] {
  const field = /("(?:[^"]|"")*"|[^,]*)(,|$)/y
  const fields: string[] = []
  for (let isLast = false; !isLast;) {
    const [, text = '', separator = ''] = field.exec(line) ?? []
    const isQuoted = /^".*"$/.test(text)
    const value = isQuoted ? text.slice(1, -1).replaceAll('""', '"') : text
    if (!isQuoted && value.includes('"')) throw new Error('a token file has a quotation mark out of place')
    fields.push(value)
    isLast = separator === ''
  }
  return fields
}

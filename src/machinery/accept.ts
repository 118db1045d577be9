/** One media range of an Accept header. */
export interface AcceptClause {
  readonly type: string
  readonly subtype: string
  readonly quality: number
  readonly parameters: Readonly<Record<string, string>>
}

/** The clauses of an Accept header, the most wanted first. */
export function parseAccept(header: string): readonly AcceptClause[] {
  const clauses = header.split(',').flatMap((text) => {
    const [range = '', ...parameterTexts] = text.split(';').map((part) => part.trim())
    const [type = '', subtype = '*'] = range.split('/')
    if (type === '' || (type === '*' && subtype !== '*')) return []
    const parameters = Object.fromEntries(parameterTexts.map(parseParameter))
    const quality = Number(parameters['q'] ?? 1)
    return [{ type, subtype, quality: Number.isNaN(quality) ? 1 : quality, parameters }]
  })
  return clauses.sort((a, b) => b.quality - a.quality)
}

/** Whether a media type is in the clause's range, whatever its parameters say. */
export function covers({ type, subtype }: AcceptClause, mediaType: string): boolean {
  if (type === '*') return subtype === '*'
  const [ownType, ownSubtype] = mediaType.split('/')
  return type === ownType && (subtype === '*' || subtype === ownSubtype)
}

/** People at a browser or with curl get indentation, unless `wish`, the query's `pretty`, says otherwise. */
export function wantsPretty(wish: string | null, userAgent: string | undefined): boolean {
  if (wish) return /^(1|t|T|true|TRUE|True)$/.test(wish)
  return /^(curl|Wget|Mozilla\/5\.0)/.test(userAgent ?? '')
}

function parseParameter(text: string): readonly [string, string] {
  const equals = text.indexOf('=')
  return equals < 0 ? [text, ''] : [text.slice(0, equals).trim(), text.slice(equals + 1).trim()]
}

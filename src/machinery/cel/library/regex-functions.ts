import { CelError } from '../error.ts'
import { regexProgram } from '../regex/regex.ts'
import { RegexSyntaxError } from '../regex/syntax.ts'
import type { RegexProgram } from '../regex/program.ts'
import { ArrayList } from '../values/list.ts'
import { memberFunction, type Library } from './function.ts'

/** Source: k8s.io/apiserver/pkg/cel/library/regex.go. */

function program(pattern: string): RegexProgram {
  try {
    return regexProgram(pattern)
  } catch (error) {
    if (error instanceof RegexSyntaxError) throw new CelError(`Illegal regex: ${error.message}`)
    throw error
  }
}

function find(text: string, pattern: string): string {
  const match = program(pattern).find(text)
  return match ? text.slice(...match) : ''
}

/** regexp.FindAllString: an empty match next to the one before is none. */
function findAll(text: string, pattern: string, limit = -1n): ArrayList {
  const regex = program(pattern)
  const found: string[] = []
  let from = 0
  let lastEnd = -1
  const most = limit < 0n ? Infinity : Number(limit)
  while (from <= text.length && found.length < most) {
    const match = regex.find(text, from)
    if (!match) break
    const [start, end] = match
    if (end > start || start !== lastEnd) found.push(text.slice(start, end))
    lastEnd = end
    from = end > from ? end : from + ((text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1)
  }
  return new ArrayList(found)
}

export const regexLibrary: Library = {
  since: 0,
  functions: [
    memberFunction('find', 'string_find_string', ['string', 'string'], 'string', find),
    memberFunction('findAll', 'string_find_all_string', ['string', 'string'], 'list(string)', findAll),
    memberFunction(
      'findAll',
      'string_find_all_string_int',
      ['string', 'string', 'int'],
      'list(string)',
      findAll,
    ),
  ],
}

import { compareGoStrings } from './go-format.ts'
import { SelectorError } from './selector-error.ts'

/**
 * Field selectors: `metadata.name=a,status.phase!=Running`; commas, equals signs and backslashes in values are escaped
 * with a backslash. Grammar, matching and wording of k8s.io/apimachinery/pkg/fields.
 */
export interface ParsedFieldSelector {
  /** All must hold. */
  readonly requirements: readonly FieldRequirement[]
}

export interface FieldRequirement {
  readonly field: string
  readonly operator: '=' | '!='
  readonly value: string
}

const everyFieldSet: ParsedFieldSelector = { requirements: [] }

/** Reads the text form. Throws a SelectorError. */
export function parseFieldSelector(text: string): ParsedFieldSelector {
  if (text === '') return everyFieldSet
  const terms = splitTerms(text).filter((term) => term !== '')
  return { requirements: terms.sort(compareGoStrings).map((term) => parseTerm(text, term)) }
}

function parseTerm(selector: string, term: string): FieldRequirement {
  const match = /!=|==|=/.exec(term)
  if (!match) throw new SelectorError(`invalid selector: '${selector}'; can't understand '${term}'`)
  return {
    field: term.slice(0, match.index),
    operator: match[0] === '!=' ? '!=' : '=',
    value: unescapeFieldValue(term.slice(match.index + match[0].length)),
  }
}

/** At the commas that are not escaped. */
function splitTerms(text: string): string[] {
  const terms: string[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === ',') {
      terms.push(text.slice(start, at))
      start = at + 1
    }
  }
  return [...terms, text.slice(start)]
}

/** The value as it stands in the text form. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, '\\$&')
}

/** Inverse of escapeFieldValue. Throws a SelectorError. */
export function unescapeFieldValue(text: string): string {
  return text.replace(/\\([^]?)|[,=]/gu, (sequence, escaped: string | undefined) => {
    if (escaped === undefined) {
      const code = sequence.codePointAt(0)
      throw new SelectorError(`invalid field selector: unescaped character in value: ${code}`)
    }
    if (escaped !== '' && '\\,='.includes(escaped)) return escaped
    throw new SelectorError(`invalid field selector: invalid escape sequence: ${sequence}`)
  })
}

/** Whether an object with these field values is selected. A field that is not there has the value `''`. */
export function matchesFields(
  selector: ParsedFieldSelector,
  fields: Readonly<Record<string, string>>,
): boolean {
  return selector.requirements.every(({ field, operator, value }) => {
    const actual = Object.hasOwn(fields, field) ? fields[field] : ''
    return (actual === value) === (operator === '=')
  })
}

/** The value that a field must have for anything to be selected, where the selector says so. */
export function requiredFieldValue(selector: ParsedFieldSelector, field: string): string | undefined {
  return selector.requirements.find((term) => term.field === field && term.operator === '=')?.value
}

/** The text form, which parseFieldSelector reads back. */
export function formatFieldSelector(selector: ParsedFieldSelector): string {
  return selector.requirements
    .map(({ field, operator, value }) => field + operator + escapeFieldValue(value))
    .join(',')
}

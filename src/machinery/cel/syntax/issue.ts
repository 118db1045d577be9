import { codePointCount, codePointsOf } from '../code-points.ts'

/** One reason why an expression does not compile, and where. */
export interface CelIssue {
  readonly message: string
  /** From 1; -1 where the whole expression is meant. */
  readonly line: number
  /** From 0, in code points. */
  readonly column: number
}

const maxIssues = 100
const maxSnippetLength = 16_384

/** The text that an expression is compiled from: turns offsets into places, and prints issues as cel-go does. */
export class Source {
  readonly text: string
  readonly #lineStarts: readonly number[]

  constructor(text: string) {
    this.text = text
    const starts = [0]
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
    this.#lineStarts = starts
  }

  issueAt(offset: number, message: string): CelIssue {
    let line = this.#lineStarts.length
    while (line > 1 && this.#lineStarts[line - 1]! > offset) line--
    const column = codePointCount(this.text.slice(this.#lineStarts[line - 1], offset))
    return { message, line, column }
  }

  /** All issues, by place, each with its line and a mark under it. */
  format(issues: readonly CelIssue[]): string {
    const ordered = issues.toSorted((a, b) => a.line - b.line || a.column - b.column)
    const lines = ordered.slice(0, maxIssues).map((issue) => this.#formatOne(issue))
    if (issues.length > maxIssues) lines.push(`${issues.length - maxIssues} more errors were truncated`)
    return lines.join('\n')
  }

  #formatOne({ message, line, column }: CelIssue): string {
    const headline = `ERROR: <input>:${line}:${column + 1}: ${message}`
    const snippet = this.text.split('\n')[line - 1]?.replaceAll('\t', ' ')
    if (snippet === undefined || snippet.length > maxSnippetLength) return headline
    const characters = codePointsOf(snippet)
    const dots = characters.slice(0, column).map((character) => (isWide(character) ? '\uff0e' : '.'))
    const mark = isWide(characters[column] ?? ' ') ? '\uff3e' : '^'
    return `${headline}\n | ${snippet}\n | ${dots.join('')}${mark}`
  }
}

/** More than one byte in UTF-8. */
function isWide(character: string): boolean {
  return character > '\u007f'
}

import { invalid, path, required, tooMany, type FieldError } from '../../../machinery/field-error.ts'
import { parseTime } from '../../../machinery/time.ts'
import { isThere } from '../../if-there.ts'
import { logPath } from './log-file.ts'

/** What of the machine's logs is asked for. Source: kubernetes/pkg/kubelet, kubelet_server_journal.go. */
export interface NodeLogQuery {
  /** Units of the journal, or names of files. */
  readonly services: readonly string[]
  /** At most one, below the directory of logs. */
  readonly files: readonly string[]
  readonly options: NodeLogOptions
}

export interface NodeLogOptions {
  /** Milliseconds since the epoch. */
  readonly sinceTime?: number
  readonly untilTime?: number
  readonly tailLines?: number
  /** 0 is the one that runs, -1 the one before. */
  readonly boot?: number
  /** A PCRE2 expression. */
  readonly pattern?: string
}

export type ParsedQuery =
  | { readonly query: NodeLogQuery | undefined; readonly errors?: never }
  | { readonly errors: readonly FieldError[] }

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
const maxTailLines = 100_000
const maxServices = 4
const maxServiceLength = 256

/** Undefined when nothing is asked for: then it is a path that is. */
export function parseNodeLogQuery(parameters: URLSearchParams): ParsedQuery {
  const errors: FieldError[] = []
  const queries = parameters.getAll('query')
  const files = queries.filter((text) => /[/\\]/.test(text))
  const services = queries.filter((text) => !/[/\\]/.test(text) && text.trim() !== '')
  if (queries.length > 0 && files.length + services.length === 0) {
    errors.push(invalid(path('query'), queries, 'query cannot be empty'))
  }
  const time = (name: string) => {
    const text = parameters.get(name)
    if (!text) return undefined
    const value = rfc3339.test(text) ? parseTime(text) : undefined
    if (value === undefined) errors.push(invalid(path(name), text, 'invalid time format'))
    return value
  }
  const whole = (name: string) => {
    const text = parameters.get(name)
    if (!text) return undefined
    if (/^[+-]?\d+$/.test(text)) return Number(text)
    errors.push(invalid(path(name), text, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`))
    return undefined
  }
  const [sinceTime, untilTime] = [time('sinceTime'), time('untilTime')]
  const [boot, tailLines] = [whole('boot'), whole('tailLines')]
  const pattern = parameters.get('pattern')
  if (errors.length > 0) return { errors }
  const options: NodeLogOptions = {
    ...(sinceTime !== undefined && { sinceTime }),
    ...(untilTime !== undefined && { untilTime }),
    ...(tailLines !== undefined && { tailLines }),
    ...(boot !== undefined && { boot }),
    ...(pattern && { pattern }),
  }
  const isEmpty = queries.length === 0 && Object.keys(options).length === 0
  return { query: isEmpty ? undefined : { services, files, options } }
}

/** What is wrong with it; `directory` is where files are. */
export async function validateNodeLogQuery(
  { services, files, options }: NodeLogQuery,
  directory: string,
): Promise<readonly FieldError[]> {
  const at = path('query')
  const errors = services.flatMap((name) => {
    if (name.length > maxServiceLength) return [invalid(at, name, 'length must be less than 100')]
    return /[^a-zA-Z\-_0-9@]/.test(name) ? [invalid(at, name, 'input contains unsupported characters')] : []
  })
  if (services.length > maxServices) errors.push(tooMany(at, services.length, maxServices))
  const [file, ...others] = files
  if (file === undefined && services.length === 0) errors.push(required(at, 'cannot be empty with options'))
  else if (file !== undefined && services.length > 0) {
    errors.push(invalid(at, [...files, ...services].join(', '), 'cannot specify a file and service'))
  } else if (others.length > 0) errors.push(invalid(at, files, 'cannot specify more than one file'))
  else if (file !== undefined && Object.keys(options).length > 0) {
    errors.push(invalid(at, files, 'cannot specify file with options'))
  } else if (file !== undefined) {
    const found = logPath(directory, file)
    if (!(await isThere(found))) {
      errors.push(invalid(at, files, `stat ${found}: no such file or directory`))
    }
  }
  return [...errors, ...optionErrors(options)]
}

function optionErrors({ sinceTime, untilTime, boot, tailLines, pattern }: NodeLogOptions): FieldError[] {
  const errors: FieldError[] = []
  if (sinceTime !== undefined && untilTime !== undefined && sinceTime > untilTime) {
    errors.push(invalid('untilTime', new Date(untilTime).toISOString(), 'must be after `sinceTime`'))
  }
  if (boot !== undefined && boot > 0) errors.push(invalid('boot', boot, 'must be less than 1'))
  if (tailLines !== undefined && (tailLines < 0 || tailLines > maxTailLines)) {
    errors.push(invalid('tailLines', tailLines, `must be between 0 and ${maxTailLines}, inclusive`))
  }
  try {
    void RegExp(pattern ?? '')
  } catch (error) {
    errors.push(invalid('pattern', pattern, (error as Error).message))
  }
  return errors
}

/** What journalctl is given to print of these units. */
export function journalArguments(
  services: readonly string[],
  { sinceTime, untilTime, tailLines, boot, pattern }: NodeLogOptions,
): readonly string[] {
  const time = (milliseconds: number) => new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')
  return [
    '--utc',
    '--no-pager',
    '--output=short-precise',
    ...(sinceTime === undefined ? [] : [`--since=${time(sinceTime)}`]),
    ...(untilTime === undefined ? [] : [`--until=${time(untilTime)}`]),
    ...(tailLines === undefined ? [] : ['--pager-end', `--lines=${tailLines}`]),
    ...services.map((service) => `--unit=${service}`),
    ...(pattern === undefined ? [] : [`--grep=${pattern}`, '--case-sensitive=false']),
    ...(boot === undefined ? [] : [`--boot=${boot}`]),
  ]
}

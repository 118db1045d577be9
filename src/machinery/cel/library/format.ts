import {
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
  qualifiedNameErrors,
} from '../../validation/names.ts'
import { structType } from '../types.ts'
import { ArrayList } from '../values/list.ts'
import { CelOpaque } from '../values/opaque.ts'
import { CelOptional, noValue } from '../values/optional.ts'
import { timestampOf } from '../values/time-text.ts'
import type { CelValue } from '../values/value.ts'
import { globalFunction, memberFunction, type Library } from './function.ts'
import { GoUrlError, parseRequestUri } from './go-url.ts'

/** Named formats of strings. Source: k8s.io/apiserver/pkg/cel/library/format.go. */

const formatType = structType('kubernetes.NamedFormat')

class CelFormat extends CelOpaque {
  override readonly type = formatType
  readonly name: string
  readonly errorsOf: (text: string) => readonly string[]
  readonly #maxRegexSize: number

  constructor(name: string, maxRegexSize: number, errorsOf: (text: string) => readonly string[]) {
    super()
    this.name = name
    this.errorsOf = errorsOf
    this.#maxRegexSize = maxRegexSize
  }

  override equals(other: CelValue): boolean {
    return other instanceof CelFormat && this.name === other.name
  }

  override get costSize(): number {
    return this.#maxRegexSize
  }
}

/** A prefix may end in a dash, which stands for what follows. */
function asPrefix(errorsOf: (text: string) => string[]): (text: string) => string[] {
  return (text) => errorsOf(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -1)}a` : text)
}

function matching(pattern: RegExp, problem: string): (text: string) => string[] {
  return (text) => (pattern.test(text) ? [] : [problem])
}

function uriErrors(text: string): string[] {
  try {
    parseRequestUri(text)
    return []
  } catch (error) {
    if (error instanceof GoUrlError) return [error.message]
    throw error
  }
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

const formats: Readonly<Record<string, CelFormat>> = {
  dns1123Label: new CelFormat('DNS1123Label', 30, dns1123LabelErrors),
  dns1123Subdomain: new CelFormat('DNS1123Subdomain', 60, dns1123SubdomainErrors),
  dns1035Label: new CelFormat('DNS1035Label', 30, dns1035LabelErrors),
  qualifiedName: new CelFormat('QualifiedName', 60, qualifiedNameErrors),
  dns1123LabelPrefix: new CelFormat('DNS1123LabelPrefix', 30, asPrefix(dns1123LabelErrors)),
  dns1123SubdomainPrefix: new CelFormat('DNS1123SubdomainPrefix', 60, asPrefix(dns1123SubdomainErrors)),
  dns1035LabelPrefix: new CelFormat('DNS1035LabelPrefix', 30, asPrefix(dns1035LabelErrors)),
  labelValue: new CelFormat('LabelValue', 40, labelValueErrors),
  uri: new CelFormat('URI', 1103, uriErrors),
  uuid: new CelFormat('uuid', 70, matching(uuid, 'does not match the UUID format')),
  byte: new CelFormat('byte', 84, matching(base64, 'invalid base64')),
  date: new CelFormat('date', 71, (text) =>
    /^\d{4}-\d{2}-\d{2}$/.test(text) && timestampOf(text) ? [] : ['invalid date'],
  ),
  datetime: new CelFormat('datetime', 71, (text) =>
    /[Tt]/.test(text) && timestampOf(text) ? [] : ['invalid datetime'],
  ),
}

function validate(format: CelFormat, text: string): CelOptional {
  const errors = format.errorsOf(text)
  return errors.length === 0 ? noValue : new CelOptional(new ArrayList(errors))
}

function named(name: string): CelOptional {
  return Object.hasOwn(formats, name) ? new CelOptional(formats[name]) : noValue
}

const type = 'kubernetes.NamedFormat'

export const formatLibrary: Library = {
  since: 31,
  types: [formatType],
  functions: [
    ...Object.entries(formats).map(([name, format]) =>
      globalFunction(`format.${name}`, `format.${name}`, [], type, () => format),
    ),
    memberFunction('validate', 'format-validate', [type, 'string'], 'optional_type(list(string))', validate),
    globalFunction('format.named', 'format-named', ['string'], `optional_type(${type})`, named),
  ],
}

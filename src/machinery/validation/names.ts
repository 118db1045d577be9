import {
  emptyMessage,
  exceedsBytes,
  maxBytesMessage,
  maxCharactersMessage,
  rangeMessage,
  regexMessage,
} from './text-rules.ts'

/*
 * Rules for names, keys and other short texts. Each returns what is wrong, in the words of upstream's
 * k8s.io/apimachinery/pkg/util/validation; nothing when all is well.
 */

const dns1123LabelMaxLength = 63
export const dns1123SubdomainMaxLength = 253
const labelValueMaxLength = 63

const dns1123LabelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const dns1123SubdomainFormat = `${dns1123LabelFormat}(\\.${dns1123LabelFormat})*`
const underscoreLabelFormat = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'
const underscoreSubdomainFormat = `${underscoreLabelFormat}(\\.${underscoreLabelFormat})*`
const dns1035LabelFormat = '[a-z]([-a-z0-9]*[a-z0-9])?'
const wildcardFormat = `\\*\\.${dns1123SubdomainFormat}`
const labelKeyFormat = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const labelValueFormat = `(${labelKeyFormat})?`
const cIdentifierFormat = '[A-Za-z_][A-Za-z0-9_]*'
const percentFormat = '[0-9]+%'
const httpHeaderNameFormat = '[-A-Za-z0-9]+'
const envVarNameFormat = '[-._a-zA-Z][-._a-zA-Z0-9]*'
const configMapKeyFormat = '[-._a-zA-Z0-9]+'

const dns1123Label = whole(dns1123LabelFormat)
const dns1123Subdomain = whole(dns1123SubdomainFormat)
const dns1123SubdomainCaseless = whole(dns1123SubdomainFormat, 'i')
const underscoreSubdomain = whole(underscoreSubdomainFormat)
const dns1035Label = whole(dns1035LabelFormat)
const wildcard = whole(wildcardFormat)
const labelKey = whole(labelKeyFormat)
const labelValue = whole(labelValueFormat)
const cIdentifier = whole(cIdentifierFormat)
const percent = whole(percentFormat)
const httpHeaderName = whole(httpHeaderNameFormat)
const envVarName = whole(envVarNameFormat)
const configMapKey = whole(configMapKeyFormat)

function whole(format: string, flags = ''): RegExp {
  return new RegExp(`^${format}$`, flags)
}

/** One label of a DNS name: `my-name`, `123-abc`. At most 63 bytes. */
export function dns1123LabelErrors(value: string): string[] {
  const errors = tooLong(value, dns1123LabelMaxLength)
  if (dns1123Label.test(value)) return errors
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', " +
    'and must start and end with an alphanumeric character'
  errors.push(
    dns1123Subdomain.test(value)
      ? 'must not contain dots'
      : regexMessage(message, dns1123LabelFormat, 'my-name', '123-abc'),
  )
  return errors
}

const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " +
  'and must start and end with an alphanumeric character'

/** A DNS name in lower case: `example.com`. At most 253 bytes. */
export function dns1123SubdomainErrors(value: string): string[] {
  const errors = tooLong(value, dns1123SubdomainMaxLength)
  if (!dns1123Subdomain.test(value)) {
    errors.push(regexMessage(subdomainMessage, dns1123SubdomainFormat, 'example.com'))
  }
  return errors
}

/** A DNS name whose labels may begin with and contain underscores. */
export function dns1123SubdomainWithUnderscoreErrors(value: string): string[] {
  const errors = tooLong(value, dns1123SubdomainMaxLength)
  if (underscoreSubdomain.test(value)) return errors
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', " +
    'and must start and end with an alphanumeric character'
  errors.push(regexMessage(message, underscoreSubdomainFormat, 'example.com'))
  return errors
}

/** A DNS name in any case, for the few old fields that take one. */
export function dns1123SubdomainCaselessErrors(value: string): string[] {
  const errors = exceedsBytes(value, dns1123SubdomainMaxLength)
    ? [maxBytesMessage(dns1123SubdomainMaxLength)]
    : []
  if (dns1123SubdomainCaseless.test(value)) return errors
  const message =
    "an RFC 1123 subdomain must consist of alphanumeric characters, '-' or '.', " +
    'and must start and end with an alphanumeric character'
  errors.push(regexMessage(message, dns1123SubdomainFormat, 'Example.com'))
  return errors
}

/** One label of a DNS name that begins with a letter: `my-name`. At most 63 bytes. */
export function dns1035LabelErrors(value: string): string[] {
  const errors = tooLong(value, dns1123LabelMaxLength)
  if (dns1035Label.test(value)) return errors
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', " +
    'start with an alphabetic character, and end with an alphanumeric character'
  errors.push(regexMessage(message, dns1035LabelFormat, 'my-name', 'abc-123'))
  return errors
}

/** `*.example.com`. */
export function wildcardDns1123SubdomainErrors(value: string): string[] {
  const errors = tooLong(value, dns1123SubdomainMaxLength)
  if (wildcard.test(value)) return errors
  const message =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist " +
    "of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
  errors.push(regexMessage(message, wildcardFormat, '*.example.com'))
  return errors
}

const labelKeyMessage = regexMessage(
  "must consist of alphanumeric characters, '-', '_' or '.', " +
    'and must start and end with an alphanumeric character',
  labelKeyFormat,
  'MyName',
  'my.name',
  '123-abc',
)

/** A label key, and other names with an optional DNS prefix: `app`, `example.com/MyName`. */
export function qualifiedNameErrors(value: string): string[] {
  const errors: string[] = []
  const slash = value.indexOf('/')
  if (slash >= 0 && value.includes('/', slash + 1)) {
    return [
      `a valid label key ${labelKeyMessage}` +
        " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
    ]
  }
  if (slash >= 0) errors.push(...labelKeyPrefixErrors(value.slice(0, slash)))
  const name = value.slice(slash + 1)
  if (name === '') errors.push(`name part ${emptyMessage}`)
  else if (exceedsBytes(name, 63)) errors.push(`name part ${maxBytesMessage(63)}`)
  if (!labelKey.test(name)) errors.push(`name part ${labelKeyMessage}`)
  return errors
}

function labelKeyPrefixErrors(prefix: string): string[] {
  if (prefix === '') return [`prefix part ${emptyMessage}`]
  const errors: string[] = []
  if (exceedsBytes(prefix, dns1123SubdomainMaxLength)) {
    errors.push(`prefix part ${maxBytesMessage(dns1123SubdomainMaxLength)}`)
  }
  if (!dns1123Subdomain.test(prefix)) {
    errors.push(`prefix part ${regexMessage(subdomainMessage, dns1123SubdomainFormat, 'example.com')}`)
  }
  return errors
}

/** A label's value; may be empty. */
export function labelValueErrors(value: string): string[] {
  const errors = exceedsBytes(value, labelValueMaxLength) ? [maxBytesMessage(labelValueMaxLength)] : []
  if (labelValue.test(value)) return errors
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " +
    'and must start and end with an alphanumeric character'
  errors.push(regexMessage(message, labelValueFormat, 'MyValue', 'my_value', '12345'))
  return errors
}

/** An identifier of C: `MY_NAME`. */
export function cIdentifierErrors(value: string): string[] {
  if (cIdentifier.test(value)) return []
  const message =
    "a valid C identifier must start with alphabetic character or '_', " +
    "followed by a string of alphanumeric characters or '_'"
  return [regexMessage(message, cIdentifierFormat, 'my_name', 'MY_NAME', 'MyName')]
}

/** 1 to 65535. */
export function portNumberErrors(port: number): string[] {
  return rangeErrors(port, 1, 65_535)
}

export function rangeErrors(value: number, min: number, max: number): string[] {
  return value >= min && value <= max ? [] : [rangeMessage(min, max)]
}

/** A Unix group id. */
export function groupIdErrors(groupId: number): string[] {
  return rangeErrors(groupId, 0, 2_147_483_647)
}

/** A Unix user id. */
export function userIdErrors(userId: number): string[] {
  return rangeErrors(userId, 0, 2_147_483_647)
}

/** An IANA service name (RFC 6335) in lower case: `http`. */
export function portNameErrors(name: string): string[] {
  const errors = tooLong(name, 15)
  if (!/^[-a-z0-9]+$/.test(name)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)')
  }
  if (!/[a-z]/.test(name)) errors.push('must contain at least one letter (a-z)')
  if (name.includes('--')) errors.push('must not contain consecutive hyphens')
  if (name.startsWith('-') || name.endsWith('-')) errors.push('must not begin or end with a hyphen')
  return errors
}

/** `93%`. */
export function percentErrors(value: string): string[] {
  if (percent.test(value)) return []
  const message = "a valid percent string must be a numeric string followed by an ending '%'"
  return [regexMessage(message, percentFormat, '1%', '93%')]
}

export function httpHeaderNameErrors(name: string): string[] {
  if (httpHeaderName.test(name)) return []
  const message = "a valid HTTP header must consist of alphanumeric characters or '-'"
  return [regexMessage(message, httpHeaderNameFormat, 'X-Header-Name')]
}

/** A name of an environment variable by the old, strict rule. */
export function envVarNameErrors(name: string): string[] {
  const errors: string[] = []
  if (!envVarName.test(name)) {
    const message =
      "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', " +
      'and must not start with a digit'
    errors.push(regexMessage(message, envVarNameFormat, 'my.env-name', 'MY_ENV.NAME', 'MyEnvName1'))
  }
  return [...errors, ...parentDirectoryErrors(name)]
}

/** A name of an environment variable: printable ASCII but `=`. */
export function relaxedEnvVarNameErrors(name: string): string[] {
  if (name === '') return [`environment variable name ${emptyMessage}`]
  return /^[ -<>-~]*$/.test(name)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
}

/** A key of a ConfigMap or Secret. */
export function configMapKeyErrors(key: string): string[] {
  const errors = tooLong(key, dns1123SubdomainMaxLength)
  if (!configMapKey.test(key)) {
    const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
    errors.push(regexMessage(message, configMapKeyFormat, 'key.name', 'KEY_NAME', 'key-name'))
  }
  return [...errors, ...parentDirectoryErrors(key)]
}

/** A name that can stand as one segment of a URL path or a key of the store. */
export function pathSegmentNameErrors(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`]
  return pathSegmentPrefixErrors(name)
}

/** What may begin such a name. */
export function pathSegmentPrefixErrors(prefix: string): string[] {
  return ['/', '%']
    .filter((illegal) => prefix.includes(illegal))
    .map((illegal) => `may not contain '${illegal}'`)
}

/** `0`, `-12`: no plus sign, no leading zeros. */
export function decimalIntegerErrors(value: string): string[] {
  if (value === '') return [emptyMessage]
  return /^(0|-?[1-9][0-9]*)$/.test(value) ? [] : ['must be a valid decimal integer in canonical form']
}

function tooLong(value: string, maxLength: number): string[] {
  return exceedsBytes(value, maxLength) ? [maxCharactersMessage(maxLength)] : []
}

function parentDirectoryErrors(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`]
  return value.startsWith('..') ? ["must not start with '..'"] : []
}

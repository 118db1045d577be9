import { decodeConfiguration } from '../../../api/configuration/decode-configuration.ts'
import { file, listOf, struct, text } from '../../../api/configuration/configuration-schema.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import { duplicate, fieldErrorText, invalid, path, type FieldError } from '../../../machinery/field-error.ts'
import { levels, parseVersion, type Mode, type PodSecurityPolicy } from './policy.ts'

/** What namespaces without labels ask for, and who is not held to anything. */
export interface PodSecurityConfiguration {
  readonly defaults: PodSecurityPolicy
  readonly exemptions: {
    readonly usernames: readonly string[]
    readonly namespaces: readonly string[]
    readonly runtimeClasses: readonly string[]
  }
}

const names = listOf(text)
const schema = file({
  defaults: struct({
    enforce: text,
    'enforce-version': text,
    audit: text,
    'audit-version': text,
    warn: text,
    'warn-version': text,
  }),
  exemptions: struct({ usernames: names, namespaces: names, runtimeClasses: names }),
})
const kinds = ['v1', 'v1beta1', 'v1alpha1'].map((version) => ({
  group: 'pod-security.admission.config.k8s.io',
  version,
  kind: 'PodSecurityConfiguration',
  schema,
}))

interface GivenConfiguration {
  readonly defaults?: Readonly<Record<string, string>>
  readonly exemptions?: Partial<PodSecurityConfiguration['exemptions']>
}

/** Throws an Error that says everything that is wrong. Source: k8s.io/pod-security-admission/admission/api. */
export function readPodSecurityConfiguration(content: string): PodSecurityConfiguration {
  const { defaults = {}, exemptions = {} } = decodeConfiguration(content, kinds) as GivenConfiguration
  const errors: FieldError[] = []
  const read = (mode: Mode): PodSecurityPolicy[Mode] => {
    const { [mode]: level = 'privileged', [`${mode}-version`]: version = 'latest' } = defaults
    const known = levels.find((one) => one === level)
    const minorVersion = parseVersion(version)
    const at = path('defaults', mode)
    if (!known) errors.push(invalid(at, level, `must be one of ${levels.join(', ')}`))
    if (minorVersion === undefined) {
      errors.push(invalid(path('defaults', `${mode}-version`), version, 'must be "latest" or "v1.x"'))
    }
    return { level: known ?? 'restricted', minorVersion: minorVersion ?? 'latest' }
  }
  const policy = { enforce: read('enforce'), warn: read('warn'), audit: read('audit') }
  const { usernames = [], namespaces = [], runtimeClasses = [] } = exemptions
  const lists = { namespaces, runtimeClasses, usernames }
  for (const [field, values] of Object.entries(lists)) errors.push(...faultsIn(field, values))
  if (errors.length > 0) throw new Error(errors.map(fieldErrorText).join(', '))
  return { defaults: policy, exemptions: lists }
}

function faultsIn(field: string, values: readonly string[]): readonly FieldError[] {
  return values.flatMap((value, index) => {
    const at = path('exemptions', field).index(index)
    if (values.indexOf(value) < index) return [duplicate(at, value)]
    if (field === 'usernames') return value === '' ? [invalid(at, value, 'username must not be empty')] : []
    const faults = field === 'namespaces' ? dns1123LabelErrors(value) : dns1123SubdomainErrors(value)
    return faults.map((fault) => invalid(at, value, fault))
  })
}

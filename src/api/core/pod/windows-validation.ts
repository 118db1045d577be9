import { invalid, invalidFor, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import { dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import type { PodSpec, WindowsSecurityContextOptions } from '../../generated/core.v1.ts'
import { visitContainers } from './visit-containers.ts'

const maxCredentialSpecKiB = 64
const maxDomainLength = 256
const maxUserNameLength = 104
// oxlint-disable-next-line no-control-regex
const controlCharacters = /[\x00-\x1f\x7f]/
const netBiosDomain = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/
const dnsDomain =
  /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/
const badUserCharacters = /["/\\:;|=,+*?<>@[\]]/

/** Source: validateWindowsSecurityContextOptions. */
export function validateWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  field: FieldPath,
): FieldError[] {
  if (!options) return []
  const { gmsaCredentialSpecName: specName, gmsaCredentialSpec: spec, runAsUserName } = options
  const errors: FieldError[] = []
  if (specName !== undefined)
    errors.push(
      ...invalidFor(field.child('gmsaCredentialSpecName'), specName, dns1123SubdomainErrors(specName)),
    )
  if (spec !== undefined) {
    const at = field.child('gmsaCredentialSpec')
    const bytes = Buffer.byteLength(spec)
    if (bytes === 0) errors.push(invalid(at, spec, 'gmsaCredentialSpec cannot be an empty string'))
    if (bytes > maxCredentialSpecKiB * 1024)
      errors.push(invalid(at, spec, `gmsaCredentialSpec size must be under ${maxCredentialSpecKiB} KiB`))
  }
  if (runAsUserName !== undefined)
    errors.push(...invalidFor(field.child('runAsUserName'), runAsUserName, userNameErrors(runAsUserName)))
  return errors
}

function userNameErrors(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string']
  if (controlCharacters.test(name)) return ['runAsUserName cannot contain control characters']
  const parts = name.split('\\')
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash']
  const user = parts.at(-1)!
  const domain = parts.length === 2 ? parts[0]! : undefined
  const errors: string[] = []
  if (domain !== undefined) {
    if (Buffer.byteLength(domain) >= maxDomainLength)
      errors.push(`runAsUserName's Domain length must be under ${maxDomainLength} characters`)
    if (!netBiosDomain.test(domain) && !dnsDomain.test(domain))
      errors.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
  }
  if (user === '') errors.push("runAsUserName's User cannot be empty")
  else if (Buffer.byteLength(user) > maxUserNameLength)
    errors.push(`runAsUserName's User length must not be longer than ${maxUserNameLength} characters`)
  if (/^[. ]+$/.test(user)) errors.push("runAsUserName's User cannot contain only periods or spaces")
  if (badUserCharacters.test(user)) {
    const characters = String.raw`"/\:;|=,+*?<>@[]`
    errors.push(`runAsUserName's User cannot contain the following characters: ${characters}`)
  }
  return errors
}

/** Containers that are processes of the host: all of a pod or none, on the host's network. */
export function validateHostProcess(spec: PodSpec, field: FieldPath): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess
  const errors: FieldError[] = []
  let count = 0
  let hostProcessCount = 0
  for (const [{ securityContext }, at] of visitContainers(spec, field)) {
    count++
    const own = securityContext?.windowsOptions?.hostProcess
    if (ofPod !== undefined && own !== undefined && ofPod !== own) {
      const detail = `pod hostProcess value must be identical if both are specified, was ${ofPod}`
      errors.push(invalid(at.child('securityContext', 'windowsOptions', 'hostProcess'), own, detail))
    }
    if (own ?? ofPod) hostProcessCount++
  }
  if (hostProcessCount === 0) return errors
  if (hostProcessCount !== count) {
    const detail =
      'If pod contains any hostProcess containers then all containers must be HostProcess containers'
    errors.push(invalid(field, '', detail))
  }
  if (!spec.hostNetwork) {
    const detail = 'hostNetwork must be true if pod contains any hostProcess containers'
    errors.push(invalid(field.child('hostNetwork'), false, detail))
  }
  return errors
}

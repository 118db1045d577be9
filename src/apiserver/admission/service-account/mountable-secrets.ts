import type {
  Container,
  EphemeralContainer,
  PodSpec,
  ServiceAccount,
} from '../../../api/generated/core.v1.ts'
import { parseGoBool } from '../../../machinery/go-bool.ts'

const enforceAnnotation = 'kubernetes.io/enforce-mountable-secrets'

/** Whether pods of the account may use no secrets but those that it lists. */
export function limitsSecrets({ metadata }: ServiceAccount): boolean {
  return parseGoBool(metadata?.annotations?.[enforceAnnotation] ?? '') === true
}

/** Why the pod uses a secret that its account does not list, or undefined. */
export function secretFault(account: ServiceAccount, spec: PodSpec): string | undefined {
  const accountName = account.metadata?.name ?? ''
  const listed = new Set((account.secrets ?? []).map(({ name }) => name))
  for (const { secret } of spec.volumes ?? []) {
    if (secret?.secretName && !listed.has(secret.secretName)) {
      return `volume with secret.secretName="${secret.secretName}" ${notListed(accountName)}`
    }
  }
  const fault =
    firstFault('init container', spec.initContainers, listed, accountName) ??
    firstFault('container', spec.containers, listed, accountName) ??
    ephemeralSecretFault(account, spec)
  if (fault !== undefined) return fault
  const pullSecrets = new Set((account.imagePullSecrets ?? []).map(({ name }) => name))
  for (const [index, { name }] of (spec.imagePullSecrets ?? []).entries()) {
    if (!pullSecrets.has(name)) {
      return (
        `imagePullSecrets[${index}].name="${name ?? ''}" is not allowed ` +
        `because service account ${accountName} does not reference that imagePullSecret`
      )
    }
  }
  return undefined
}

/** As secretFault, of the ephemeral containers alone. */
export function ephemeralSecretFault(account: ServiceAccount, spec: PodSpec): string | undefined {
  const listed = new Set((account.secrets ?? []).map(({ name }) => name))
  return firstFault('ephemeral container', spec.ephemeralContainers, listed, account.metadata?.name ?? '')
}

function firstFault(
  kind: string,
  containers: readonly (Container | EphemeralContainer)[] = [],
  listed: ReadonlySet<string | undefined>,
  accountName: string,
): string | undefined {
  for (const { name, env = [], envFrom = [] } of containers) {
    for (const { name: variable, valueFrom } of env) {
      const secret = valueFrom?.secretKeyRef?.name
      if (secret !== undefined && !listed.has(secret)) {
        return `${kind} ${name} with envVar ${variable} referencing secret.secretName="${secret}" ${notListed(accountName)}`
      }
    }
    for (const { secretRef } of envFrom) {
      if (secretRef && !listed.has(secretRef.name)) {
        return `${kind} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ''}" ${notListed(accountName)}`
      }
    }
  }
  return undefined
}

function notListed(accountName: string): string {
  return `is not allowed because service account ${accountName} does not reference that secret`
}

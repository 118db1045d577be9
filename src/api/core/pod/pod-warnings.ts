import type { Pod } from '../../generated/core.v1.ts'

/** What a pod's author should know although it is accepted. Wording of upstream's pkg/api/pod/warnings.go. */
export function podWarnings(pod: Pod): string[] {
  const { spec, metadata } = pod
  if (!spec) return []
  return [
    ...deprecatedLabels(spec.nodeSelector, 'spec.nodeSelector'),
    ...duplicateNames(
      spec.hostAliases?.map(({ ip }) => ip),
      (ip, index) => `spec.hostAliases[${index}].ip: ${ip} is duplicated`,
    ),
    ...duplicateEnv(pod),
    ...duplicatePullSecrets(pod),
    ...(metadata?.annotations?.['scheduler.alpha.kubernetes.io/critical-pod'] !== undefined
      ? [
          'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead',
        ]
      : []),
  ]
}

const renamedLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region':
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone':
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type':
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}

function deprecatedLabels(selector: Readonly<Record<string, string>> | undefined, path: string): string[] {
  return Object.keys(selector ?? {}).flatMap((key) => {
    const advice = renamedLabels[key]
    return advice ? [`${path}[${key}]: ${advice}`] : []
  })
}

function duplicateNames(
  names: readonly string[] | undefined,
  message: (name: string, index: number) => string,
): string[] {
  return (names ?? []).flatMap((name, index) => (names!.indexOf(name) < index ? [message(name, index)] : []))
}

function duplicateEnv({ spec }: Pod): string[] {
  const lists = [
    ['spec.initContainers', spec?.initContainers ?? []],
    ['spec.containers', spec?.containers ?? []],
  ] as const
  return lists.flatMap(([path, containers]) =>
    containers.flatMap(({ env = [] }, container) => {
      return env.flatMap(({ name, value, valueFrom }, index) => {
        const first = env.findIndex((other) => other.name === name)
        if (first === index || valueFrom || value?.includes(`$(${name})`)) return []
        return [
          `${path}[${container}].env[${index}]: hides previous definition of "${name}", which may be dropped when using apply`,
        ]
      })
    }),
  )
}

function duplicatePullSecrets({ spec }: Pod): string[] {
  return (spec?.imagePullSecrets ?? []).flatMap(({ name }, index) =>
    name ? [] : [`spec.imagePullSecrets[${index}].name: invalid empty name ${JSON.stringify(name ?? '')}`],
  )
}

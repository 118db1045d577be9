import type { PodSpec } from '../../../api/generated/core.v1.ts'
import { procMount } from './baseline-checks.ts'
import {
  badContainers,
  containersOf,
  containersText,
  hasOwnUsers,
  isWindows,
  plural,
  quoted,
  settersText,
  sorted,
  type Check,
  type CheckPod,
} from './check.ts'
import { seccompRestricted } from './seccomp-checks.ts'

/*
 * What a pod that trusts nobody keeps to besides. Source: k8s.io/pod-security-admission/policy.
 */

const allowPrivilegeEscalation: CheckPod = (spec) => {
  const names = badContainers(spec, (context) => context.allowPrivilegeEscalation !== false)
  if (names.length === 0) return undefined
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containersText(names)} must set securityContext.allowPrivilegeEscalation=false`,
  }
}

const capabilities: CheckPod = (spec) => {
  const forbidden = (list: readonly string[] | undefined) =>
    (list ?? []).filter((capability) => capability !== 'NET_BIND_SERVICE')
  const keeping = badContainers(spec, (context) => !context.capabilities?.drop?.includes('ALL'))
  const adding = badContainers(spec, (context) => forbidden(context.capabilities?.add).length > 0)
  const added = sorted(
    containersOf(spec).flatMap(({ securityContext }) => forbidden(securityContext?.capabilities?.add)),
  )
  const details = [
    ...(keeping.length > 0
      ? [`${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(adding.length > 0
      ? [`${containersText(adding)} must not include ${quoted(added)} in securityContext.capabilities.add`]
      : []),
  ]
  return details.length === 0
    ? undefined
    : { reason: 'unrestricted capabilities', detail: details.join('; ') }
}

const allowedVolumes: ReadonlySet<string> = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
])

const restrictedVolumes: CheckPod = ({ volumes = [] }) => {
  const bad = volumes.flatMap(({ name, ...source }) => {
    const type = Object.keys(source)[0] ?? 'unknown'
    return allowedVolumes.has(type) ? [] : [{ name, type }]
  })
  if (bad.length === 0) return undefined
  const names = sorted(bad.map(({ name }) => name))
  const types = sorted(bad.map(({ type }) => type))
  return {
    reason: 'restricted volume types',
    detail: [
      plural('volume', 'volumes', names.length),
      quoted(names),
      plural('uses', 'use', names.length),
      plural('restricted volume type', 'restricted volume types', types.length),
      quoted(types),
    ].join(' '),
  }
}

const runAsNonRoot: CheckPod = (spec) => {
  const reason = 'runAsNonRoot != true'
  const ofPod = spec.securityContext?.runAsNonRoot
  const explicit = settersText(
    ofPod === false,
    badContainers(spec, (context) => context.runAsNonRoot === false),
  )
  if (explicit !== '')
    return { reason, detail: `${explicit} must not set securityContext.runAsNonRoot=false` }
  const silent = ofPod ? [] : badContainers(spec, (context) => context.runAsNonRoot === undefined)
  if (silent.length === 0) return undefined
  return { reason, detail: `pod or ${containersText(silent)} must set securityContext.runAsNonRoot=true` }
}

const runAsUser: CheckPod = (spec) => {
  const setters = settersText(
    spec.securityContext?.runAsUser === 0,
    badContainers(spec, (context) => context.runAsUser === 0),
  )
  return setters === '' ? undefined : { reason: 'runAsUser=0', detail: `${setters} must not set runAsUser=0` }
}

function unless(exempts: (spec: PodSpec) => boolean, check: CheckPod): CheckPod {
  return (spec, metadata) => (exempts(spec) ? undefined : check(spec, metadata))
}

export const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    level: 'restricted',
    versions: [
      { since: 8, check: allowPrivilegeEscalation },
      { since: 25, check: unless(isWindows, allowPrivilegeEscalation) },
    ],
  },
  {
    id: 'capabilities_restricted',
    level: 'restricted',
    versions: [
      { since: 22, check: capabilities },
      { since: 25, check: unless(isWindows, capabilities) },
    ],
    overrides: ['capabilities_baseline'],
  },
  {
    id: 'procMount_restricted',
    level: 'restricted',
    versions: [{ since: 0, check: procMount }],
    overrides: ['procMount_baseline'],
  },
  {
    id: 'restrictedVolumes',
    level: 'restricted',
    versions: [{ since: 0, check: restrictedVolumes }],
    overrides: ['hostPathVolumes'],
  },
  {
    id: 'runAsNonRoot',
    level: 'restricted',
    versions: [
      { since: 0, check: runAsNonRoot },
      { since: 35, check: unless(hasOwnUsers, runAsNonRoot) },
    ],
  },
  {
    id: 'runAsUser',
    level: 'restricted',
    versions: [
      { since: 23, check: runAsUser },
      { since: 35, check: unless(hasOwnUsers, runAsUser) },
    ],
  },
  {
    id: 'seccompProfile_restricted',
    level: 'restricted',
    versions: seccompRestricted,
    overrides: ['seccompProfile_baseline'],
  },
]

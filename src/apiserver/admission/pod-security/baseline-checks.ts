import type { LifecycleHandler, PodSpec, Probe, SELinuxOptions } from '../../../api/generated/core.v1.ts'
import {
  badContainers,
  containersOf,
  containersText,
  hasOwnUsers,
  plural,
  quoted,
  settersText,
  sorted,
  type Check,
  type CheckPod,
} from './check.ts'
import { seccompBaseline } from './seccomp-checks.ts'

/*
 * What no ordinary pod needs. Source: k8s.io/pod-security-admission/policy; the order is that of the checks' names.
 */

const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/'

const appArmorProfile: CheckPod = (spec, { annotations = {} }) => {
  const isBad = (type: string | undefined) =>
    type !== undefined && !['RuntimeDefault', 'Localhost'].includes(type)
  const podType = spec.securityContext?.appArmorProfile?.type
  const containers = badContainers(spec, ({ appArmorProfile: profile }) => isBad(profile?.type))
  const badAnnotations = Object.entries(annotations).filter(
    ([key, value]) =>
      key.startsWith(appArmorAnnotation) &&
      value !== '' &&
      value !== 'runtime/default' &&
      !value.startsWith('localhost/'),
  )
  const values = sorted([
    ...(isBad(podType) ? [podType!] : []),
    ...containersOf(spec).flatMap(({ securityContext }) => {
      const type = securityContext?.appArmorProfile?.type
      return isBad(type) ? [type!] : []
    }),
    ...badAnnotations.map(([, value]) => value),
  ])
  if (values.length === 0) return undefined
  const texts = badAnnotations.map(([key, value]) => `${key}="${value}"`).sort()
  const setters = [
    settersText(isBad(podType), containers),
    texts.length > 0 ? `${plural('annotation', 'annotations', texts.length)} ${texts.join(', ')}` : '',
  ].filter((text) => text !== '')
  return {
    reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length),
    detail: `${setters.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  }
}

const defaultCapabilities: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
])

const capabilities: CheckPod = (spec) => {
  const added = (list: readonly string[] | undefined) =>
    (list ?? []).filter((capability) => !defaultCapabilities.has(capability))
  const names = badContainers(spec, (context) => added(context.capabilities?.add).length > 0)
  if (names.length === 0) return undefined
  const values = sorted(
    containersOf(spec).flatMap(({ securityContext }) => added(securityContext?.capabilities?.add)),
  )
  return {
    reason: 'non-default capabilities',
    detail: `${containersText(names)} must not include ${quoted(values)} in securityContext.capabilities.add`,
  }
}

const hostNamespaces: CheckPod = ({ hostNetwork, hostPID, hostIPC }) => {
  const shared = [
    ...(hostNetwork ? ['hostNetwork=true'] : []),
    ...(hostPID ? ['hostPID=true'] : []),
    ...(hostIPC ? ['hostIPC=true'] : []),
  ]
  return shared.length === 0 ? undefined : { reason: 'host namespaces', detail: shared.join(', ') }
}

const hostPathVolumes: CheckPod = ({ volumes = [] }) => {
  const names = volumes.filter(({ hostPath }) => hostPath).map(({ name }) => name)
  if (names.length === 0) return undefined
  return {
    reason: 'hostPath volumes',
    detail: `${plural('volume', 'volumes', names.length)} ${quoted(names)}`,
  }
}

const hostPorts: CheckPod = (spec) => {
  const portsOf = ({ ports = [] }: { readonly ports?: readonly { readonly hostPort?: number }[] }) =>
    ports.flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []))
  const names = badContainers(spec, (_, container) => portsOf(container).length > 0)
  if (names.length === 0) return undefined
  const ports = sorted(containersOf(spec).flatMap(portsOf))
  return {
    reason: 'hostPort',
    detail: [
      containersText(names),
      plural('uses', 'use', names.length),
      plural('hostPort', 'hostPorts', ports.length),
      ports.join(', '),
    ].join(' '),
  }
}

const hostProbesAndHostLifecycle: CheckPod = (spec) => {
  const hostsOf = (handler: Probe | LifecycleHandler | undefined): readonly string[] =>
    [handler?.httpGet?.host, handler?.tcpSocket?.host].flatMap((host) => (host ? [host] : []))
  const all = containersOf(spec).map((container) => ({
    name: container.name,
    hosts: [
      container.livenessProbe,
      container.readinessProbe,
      container.startupProbe,
      container.lifecycle?.postStart,
      container.lifecycle?.preStop,
    ].flatMap(hostsOf),
  }))
  const bad = all.filter(({ hosts }) => hosts.length > 0)
  if (bad.length === 0) return undefined
  const names = sorted(bad.map(({ name }) => name))
  const hosts = sorted(bad.flatMap((one) => one.hosts))
  return {
    reason: 'probe or lifecycle host',
    detail: [
      containersText(names),
      plural('uses', 'use', names.length),
      plural('probe or lifecycle host', 'probe or lifecycle hosts', hosts.length),
      quoted(hosts),
    ].join(' '),
  }
}

const privileged: CheckPod = (spec) => {
  const names = badContainers(spec, (context) => context.privileged === true)
  if (names.length === 0) return undefined
  return {
    reason: 'privileged',
    detail: `${containersText(names)} must not set securityContext.privileged=true`,
  }
}

export const procMount: CheckPod = (spec) => {
  const isBad = (value: string | undefined) => value !== undefined && value !== 'Default'
  const names = badContainers(spec, (context) => isBad(context.procMount))
  if (names.length === 0) return undefined
  const values = sorted(
    containersOf(spec).flatMap(({ securityContext }) =>
      isBad(securityContext?.procMount) ? [securityContext!.procMount!] : [],
    ),
  )
  return {
    reason: 'procMount',
    detail: `${containersText(names)} must not set securityContext.procMount to ${quoted(values)}`,
  }
}

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t']

function seLinuxOptions(allowedTypes: readonly string[]): CheckPod {
  const isBad = ({ type = '', user, role }: SELinuxOptions = {}) =>
    !allowedTypes.includes(type) || !!user || !!role
  return (spec) => {
    const ofPod = spec.securityContext?.seLinuxOptions
    const names = badContainers(spec, (context) => isBad(context.seLinuxOptions))
    const setters = settersText(isBad(ofPod), names)
    if (setters === '') return undefined
    const all = [ofPod, ...containersOf(spec).map(({ securityContext }) => securityContext?.seLinuxOptions)]
    const types = sorted(all.flatMap((one) => (allowedTypes.includes(one?.type ?? '') ? [] : [one!.type!])))
    const faults = [
      ...(types.length > 0 ? [`${plural('type', 'types', types.length)} ${quoted(types)}`] : []),
      ...(all.some((one) => one?.user) ? ['user may not be set'] : []),
      ...(all.some((one) => one?.role) ? ['role may not be set'] : []),
    ]
    return {
      reason: 'seLinuxOptions',
      detail: `${setters} set forbidden securityContext.seLinuxOptions: ${faults.join('; ')}`,
    }
  }
}

const sysctlsByVersion: readonly (readonly [since: number, names: readonly string[]])[] = [
  [
    0,
    [
      'kernel.shm_rmid_forced',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.tcp_syncookies',
      'net.ipv4.ping_group_range',
      'net.ipv4.ip_unprivileged_port_start',
    ],
  ],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [
    29,
    [
      'net.ipv4.tcp_keepalive_time',
      'net.ipv4.tcp_fin_timeout',
      'net.ipv4.tcp_keepalive_intvl',
      'net.ipv4.tcp_keepalive_probes',
    ],
  ],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
]

function sysctls(since: number): CheckPod {
  const allowed = new Set(sysctlsByVersion.flatMap(([version, names]) => (version <= since ? names : [])))
  return ({ securityContext }) => {
    const names = (securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !allowed.has(name))
    return names.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: names.join(', ') }
  }
}

const windowsHostProcess: CheckPod = (spec) => {
  const names = badContainers(spec, (context) => context.windowsOptions?.hostProcess === true)
  const setters = settersText(spec.securityContext?.windowsOptions?.hostProcess === true, names)
  if (setters === '') return undefined
  return {
    reason: 'hostProcess',
    detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true`,
  }
}

/** `check`, except for pods with users of their own. */
function unlessOwnUsers(check: CheckPod): CheckPod {
  return (spec: PodSpec, metadata) => (hasOwnUsers(spec) ? undefined : check(spec, metadata))
}

const always = (check: CheckPod): Check['versions'] => [{ since: 0, check }]

export const baselineChecks: readonly Check[] = [
  { id: 'appArmorProfile', level: 'baseline', versions: always(appArmorProfile) },
  { id: 'capabilities_baseline', level: 'baseline', versions: always(capabilities) },
  { id: 'hostNamespaces', level: 'baseline', versions: always(hostNamespaces) },
  { id: 'hostPathVolumes', level: 'baseline', versions: always(hostPathVolumes) },
  { id: 'hostPorts', level: 'baseline', versions: always(hostPorts) },
  {
    id: 'hostProbesAndHostLifecycle',
    level: 'baseline',
    versions: [{ since: 34, check: hostProbesAndHostLifecycle }],
  },
  { id: 'privileged', level: 'baseline', versions: always(privileged) },
  {
    id: 'procMount_baseline',
    level: 'baseline',
    versions: [
      { since: 0, check: procMount },
      { since: 35, check: unlessOwnUsers(procMount) },
    ],
  },
  {
    id: 'seLinuxOptions',
    level: 'baseline',
    versions: [
      { since: 0, check: seLinuxOptions(seLinuxTypes) },
      { since: 31, check: seLinuxOptions([...seLinuxTypes, 'container_engine_t']) },
    ],
  },
  { id: 'seccompProfile_baseline', level: 'baseline', versions: seccompBaseline },
  {
    id: 'sysctls',
    level: 'baseline',
    versions: sysctlsByVersion.map(([since]) => ({ since, check: sysctls(since) })),
  },
  { id: 'windowsHostProcess', level: 'baseline', versions: always(windowsHostProcess) },
]

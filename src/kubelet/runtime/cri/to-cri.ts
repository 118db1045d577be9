import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  ContainerConfig,
  ContainerSecurity,
  DNSConfig,
  IDMapping,
  ImageSpec,
  LinuxResources,
  Mount,
  NamespaceMode,
  Namespaces,
  RegistryAuth,
  SandboxConfig,
  SecurityProfile,
} from '../runtime.ts'
import {
  MountPropagation,
  NamespaceMode as CriNamespaceMode,
  Protocol,
  SecurityProfile_ProfileType as ProfileType,
  Signal,
  SupplementalGroupsPolicy,
  type AuthConfigSchema,
  type ContainerConfigSchema,
  type DNSConfigSchema,
  type IDMappingSchema,
  type ImageSpecSchema,
  type LinuxContainerResourcesSchema,
  type LinuxContainerSecurityContextSchema,
  type MountSchema,
  type NamespaceOptionSchema,
  type PodSandboxConfigSchema,
  type SecurityProfileSchema,
  type UserNamespaceSchema,
} from './generated/api_pb.ts'

/** Our shapes as CRI messages; nothing is decided here. */

export function sandboxConfigToCri(config: SandboxConfig): MessageInitShape<typeof PodSandboxConfigSchema> {
  const { security } = config
  return {
    metadata: {
      name: config.name,
      namespace: config.namespace,
      uid: config.uid,
      attempt: config.attempt,
    },
    hostname: config.hostname,
    logDirectory: config.logDirectory,
    ...(config.dns && { dnsConfig: dnsToCri(config.dns) }),
    portMappings: config.portMappings.map((mapping) => ({
      protocol: Protocol[mapping.protocol],
      containerPort: mapping.containerPort,
      hostPort: mapping.hostPort,
      hostIp: mapping.hostIP,
    })),
    labels: { ...config.labels },
    annotations: { ...config.annotations },
    linux: {
      cgroupParent: config.cgroupParent,
      sysctls: { ...config.sysctls },
      securityContext: {
        namespaceOptions: namespacesToCri(security.namespaces),
        ...int64Field('runAsUser', security.runAsUser),
        ...int64Field('runAsGroup', security.runAsGroup),
        supplementalGroups: security.supplementalGroups.map(BigInt),
        supplementalGroupsPolicy: groupsPolicyToCri(security.supplementalGroupsPolicy),
        privileged: security.privileged,
        seccomp: profileToCri(security.seccomp),
        ...(security.seLinux && { selinuxOptions: { ...security.seLinux } }),
      },
      ...(config.resources && { resources: resourcesToCri(config.resources) }),
      ...(config.overhead && { overhead: resourcesToCri(config.overhead) }),
    },
  }
}

export function containerConfigToCri(
  config: ContainerConfig,
): MessageInitShape<typeof ContainerConfigSchema> {
  return {
    metadata: { name: config.name, attempt: config.attempt },
    image: imageToCri(config.image),
    command: [...config.command],
    args: [...config.args],
    workingDir: config.workingDir,
    envs: config.environment.map(({ name, value }) => ({
      key: name,
      value: new TextEncoder().encode(value),
    })),
    mounts: config.mounts.map((mount) => mountToCri(mount, config.security.namespaces.users)),
    devices: config.devices.map((device) => ({ ...device })),
    CDIDevices: config.cdiDevices.map((name) => ({ name })),
    labels: { ...config.labels },
    annotations: { ...config.annotations },
    logPath: config.logPath,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    linux: {
      resources: resourcesToCri(config.resources),
      securityContext: containerSecurityToCri(config.security),
    },
    ...(config.stopSignal !== undefined && { stopSignal: signalToCri(config.stopSignal) }),
  }
}

function containerSecurityToCri(
  security: ContainerSecurity,
): MessageInitShape<typeof LinuxContainerSecurityContextSchema> {
  return {
    capabilities: {
      addCapabilities: [...security.addCapabilities],
      dropCapabilities: [...security.dropCapabilities],
    },
    privileged: security.privileged,
    namespaceOptions: namespacesToCri(security.namespaces),
    ...int64Field('runAsUser', security.runAsUser),
    ...int64Field('runAsGroup', security.runAsGroup),
    ...(security.runAsUserName !== undefined && { runAsUsername: security.runAsUserName }),
    readonlyRootfs: security.readonlyRootfs,
    supplementalGroups: security.supplementalGroups.map(BigInt),
    supplementalGroupsPolicy: groupsPolicyToCri(security.supplementalGroupsPolicy),
    noNewPrivs: security.noNewPrivileges,
    maskedPaths: [...security.maskedPaths],
    readonlyPaths: [...security.readonlyPaths],
    seccomp: profileToCri(security.seccomp),
    ...(security.appArmor && { apparmor: profileToCri(security.appArmor) }),
    ...(security.seLinux && { selinuxOptions: { ...security.seLinux } }),
  }
}

export function resourcesToCri(
  resources: LinuxResources,
): MessageInitShape<typeof LinuxContainerResourcesSchema> {
  return {
    cpuPeriod: BigInt(resources.cpuPeriod ?? 0),
    cpuQuota: BigInt(resources.cpuQuota ?? 0),
    cpuShares: BigInt(resources.cpuShares ?? 0),
    memoryLimitInBytes: BigInt(resources.memoryLimitBytes ?? 0),
    oomScoreAdj: BigInt(resources.oomScoreAdj ?? 0),
    hugepageLimits: (resources.hugepageLimits ?? []).map(({ pageSize, limitBytes }) => ({
      pageSize,
      limit: BigInt(limitBytes),
    })),
    unified: { ...resources.unified },
  }
}

export function imageToCri(image: ImageSpec): MessageInitShape<typeof ImageSpecSchema> {
  return {
    image: image.image,
    annotations: { ...image.annotations },
    userSpecifiedImage: image.userSpecifiedImage ?? '',
    runtimeHandler: image.runtimeHandler ?? '',
  }
}

export function authToCri(auth: RegistryAuth): MessageInitShape<typeof AuthConfigSchema> {
  return {
    username: auth.username ?? '',
    password: auth.password ?? '',
    auth: auth.auth ?? '',
    serverAddress: auth.serverAddress ?? '',
    identityToken: auth.identityToken ?? '',
    registryToken: auth.registryToken ?? '',
  }
}

function dnsToCri(dns: DNSConfig): MessageInitShape<typeof DNSConfigSchema> {
  return { servers: [...dns.servers], searches: [...dns.searches], options: [...dns.options] }
}

const propagations = {
  private: MountPropagation.PROPAGATION_PRIVATE,
  hostToContainer: MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  bidirectional: MountPropagation.PROPAGATION_BIDIRECTIONAL,
}

/** Files of a pod with users of its own belong to them in its containers only: the runtime maps each mount's ids. */
function mountToCri(mount: Mount, users: IDMapping | undefined): MessageInitShape<typeof MountSchema> {
  return {
    containerPath: mount.containerPath,
    hostPath: mount.hostPath,
    readonly: mount.readonly,
    recursiveReadOnly: mount.recursiveReadonly,
    selinuxRelabel: mount.selinuxRelabel,
    propagation: propagations[mount.propagation],
    ...(users && { uidMappings: [mappingToCri(users)], gidMappings: [mappingToCri(users)] }),
    ...(mount.image && { image: { image: mount.image.ref }, imageSubPath: mount.image.subPath }),
  }
}

const namespaceModes: Readonly<Record<NamespaceMode, CriNamespaceMode>> = {
  pod: CriNamespaceMode.POD,
  container: CriNamespaceMode.CONTAINER,
  node: CriNamespaceMode.NODE,
}

function namespacesToCri(namespaces: Namespaces): MessageInitShape<typeof NamespaceOptionSchema> {
  return {
    network: namespaceModes[namespaces.network],
    ipc: namespaceModes[namespaces.ipc],
    pid: namespaceModes[namespaces.pid],
    usernsOptions: usersToCri(namespaces.users),
    ...(namespaces.targetContainerID !== undefined && {
      pid: CriNamespaceMode.TARGET,
      targetId: namespaces.targetContainerID,
    }),
  }
}

function usersToCri(users: IDMapping | undefined): MessageInitShape<typeof UserNamespaceSchema> {
  if (!users) return { mode: CriNamespaceMode.NODE }
  return { mode: CriNamespaceMode.POD, uids: [mappingToCri(users)], gids: [mappingToCri(users)] }
}

function mappingToCri({ hostID, containerID, length }: IDMapping): MessageInitShape<typeof IDMappingSchema> {
  return { hostId: hostID, containerId: containerID, length }
}

function profileToCri(profile: SecurityProfile): MessageInitShape<typeof SecurityProfileSchema> {
  return {
    profileType: ProfileType[profile.type],
    ...(profile.type === 'Localhost' && { localhostRef: profile.path }),
  }
}

function groupsPolicyToCri(policy: 'Merge' | 'Strict' | undefined): SupplementalGroupsPolicy {
  return policy === 'Strict' ? SupplementalGroupsPolicy.Strict : SupplementalGroupsPolicy.Merge
}

function signalToCri(signal: string): Signal {
  return (Signal as unknown as Readonly<Record<string, Signal>>)[signal] ?? Signal.RUNTIME_DEFAULT
}

/** CRI's optional integers are messages: absent is not 0. */
function int64Field<Name extends string>(
  name: Name,
  value: number | undefined,
): Partial<Record<Name, { value: bigint }>> {
  return value === undefined ? {} : ({ [name]: { value: BigInt(value) } } as Record<Name, { value: bigint }>)
}

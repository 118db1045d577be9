import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { containerConfig } from '../../containers/container-config.ts'
import { sandboxConfig } from '../../containers/sandbox-config.ts'
import { containerSecurity } from '../../containers/security.ts'
import { noAdditions } from '../../devices/pod-resources.ts'
import { aContainer, aPod } from '../../testing/pod-builder.ts'
import type { IDMapping, Mount } from '../runtime.ts'
import { ContainerConfigSchema, NamespaceMode, PodSandboxConfigSchema } from './generated/api_pb.ts'
import { containerConfigToCri, sandboxConfigToCri } from './to-cri.ts'

const container = aContainer('app')
const pod = aPod('p', { containers: [container] })
const mount: Mount = {
  containerPath: '/data',
  hostPath: '/srv',
  readonly: false,
  recursiveReadonly: false,
  selinuxRelabel: false,
  propagation: 'private',
}

function sandboxWith(users: IDMapping | undefined) {
  const dns = { clusterDNS: [], clusterDomain: '', node: { servers: [], searches: [], options: [] } }
  const places = { podLogsDirectory: '/logs', seccompDirectory: '/seccomp', cgroupParent: '' }
  const config = sandboxConfig({ pod, attempt: 0, dns, ...places, runtimeHandler: '', users })
  return create(PodSandboxConfigSchema, sandboxConfigToCri(config))
}

function containerWith(users: IDMapping | undefined) {
  const config = containerConfig({
    pod,
    container,
    attempt: 0,
    imageRef: 'sha256:1',
    environment: [],
    mounts: [mount],
    devices: [],
    additions: noAdditions,
    resources: {},
    security: containerSecurity(pod, container, { username: '' }, { seccompDirectory: '/seccomp' }, users),
  })
  return create(ContainerConfigSchema, containerConfigToCri(config))
}

test('a pod with users of its own has them in its sandbox, its containers and every mount', () => {
  const users = { hostID: 131_072, containerID: 0, length: 65_536 }
  const isMapped = (mappings: readonly { hostId: number; containerId: number; length: number }[]) =>
    assert.deepEqual(
      mappings.map(({ hostId, containerId, length }) => [hostId, containerId, length]),
      [[131_072, 0, 65_536]],
    )
  const made = containerWith(users)
  for (const { linux } of [sandboxWith(users), made]) {
    const options = linux?.securityContext?.namespaceOptions?.usernsOptions
    assert.equal(options?.mode, NamespaceMode.POD)
    isMapped(options.uids)
    isMapped(options.gids)
  }
  const [mounted] = made.mounts
  isMapped(mounted?.uidMappings ?? [])
  isMapped(mounted?.gidMappings ?? [])
})

test('a pod without users of its own has those of the node', () => {
  const made = containerWith(undefined)
  for (const { linux } of [sandboxWith(undefined), made]) {
    const options = linux?.securityContext?.namespaceOptions?.usernsOptions
    assert.equal(options?.mode, NamespaceMode.NODE)
    assert.deepEqual(options.uids, [])
  }
  assert.deepEqual(made.mounts[0]?.uidMappings, [])
})

import { isLatestImage } from '../../../machinery/image-reference.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type {
  Container,
  EphemeralContainer,
  Lifecycle,
  PodSpec,
  Probe,
  Volume,
} from '../../generated/core.v1.ts'

type AnyContainer = Writable<Container> | Writable<EphemeralContainer>

const fileMode = 0o644
const serviceAccountTokenSeconds = 3600

/** Fills what a pod or a pod template leaves open. Idempotent. Source: kubernetes pkg/apis/core/v1/defaults.go. */
export function defaultPodSpec(spec: Writable<PodSpec>): void {
  spec.restartPolicy ??= 'Always'
  spec.terminationGracePeriodSeconds ??= 30
  spec.dnsPolicy ??= 'ClusterFirst'
  spec.securityContext ??= {}
  spec.schedulerName ??= 'default-scheduler'
  // The old name of the field and the new one always say the same.
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount
  for (const container of allContainers(spec)) defaultContainer(container)
  for (const volume of spec.volumes ?? []) defaultVolume(volume)
  if (spec.hostNetwork) {
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
      for (const port of container.ports ?? []) port.hostPort ??= port.containerPort
    }
  }
}

export function allContainers(spec: Writable<PodSpec>): AnyContainer[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}

function defaultContainer(container: AnyContainer): void {
  container.terminationMessagePath ||= '/dev/termination-log'
  container.terminationMessagePolicy ||= 'File'
  container.imagePullPolicy ||= isLatestImage(container.image ?? '') ? 'Always' : 'IfNotPresent'
  container.resources ??= {}
  for (const port of container.ports ?? []) port.protocol ??= 'TCP'
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ||= 'v1'
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ??= '0'
  }
  for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe])
    defaultProbe(probe)
  for (const hook of [container.lifecycle?.postStart, container.lifecycle?.preStop]) defaultHook(hook)
}

function defaultProbe(probe: Writable<Probe> | undefined): void {
  if (!probe) return
  probe.timeoutSeconds ||= 1
  probe.periodSeconds ||= 10
  probe.successThreshold ||= 1
  probe.failureThreshold ||= 3
  if (probe.grpc) probe.grpc.service ??= ''
  defaultHttpGet(probe.httpGet)
}

function defaultHook(hook: Writable<Lifecycle>['preStop']): void {
  defaultHttpGet(hook?.httpGet)
}

function defaultHttpGet(httpGet: Writable<Probe>['httpGet']): void {
  if (!httpGet) return
  httpGet.path ||= '/'
  httpGet.scheme ??= 'HTTP'
}

function defaultVolume(volume: Writable<Volume>): void {
  const { name: _name, ...sources } = volume
  if (Object.keys(sources).length === 0) volume.emptyDir = {}
  if (volume.hostPath) volume.hostPath.type ??= ''
  if (volume.secret) volume.secret.defaultMode ??= fileMode
  if (volume.configMap) volume.configMap.defaultMode ??= fileMode
  if (volume.downwardAPI) {
    volume.downwardAPI.defaultMode ??= fileMode
    for (const { fieldRef } of volume.downwardAPI.items ?? []) if (fieldRef) fieldRef.apiVersion ||= 'v1'
  }
  if (volume.projected) defaultProjected(volume.projected)
  if (volume.iscsi) volume.iscsi.iscsiInterface ||= 'default'
  if (volume.rbd) {
    volume.rbd.pool ||= 'rbd'
    volume.rbd.user ||= 'admin'
    volume.rbd.keyring ||= '/etc/ceph/keyring'
  }
  if (volume.image)
    volume.image.pullPolicy ??= isLatestImage(volume.image.reference ?? '') ? 'Always' : 'IfNotPresent'
  const claim = volume.ephemeral?.volumeClaimTemplate?.spec
  if (claim) claim.volumeMode ??= 'Filesystem'
}

function defaultProjected(projected: NonNullable<Writable<Volume>['projected']>): void {
  projected.defaultMode ??= fileMode
  for (const { serviceAccountToken, downwardAPI } of projected.sources ?? []) {
    if (serviceAccountToken) serviceAccountToken.expirationSeconds ??= serviceAccountTokenSeconds
    for (const { fieldRef } of downwardAPI?.items ?? []) if (fieldRef) fieldRef.apiVersion ||= 'v1'
  }
}

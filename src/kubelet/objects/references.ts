import type { EnvFromSource, EnvVar, Pod, Volume } from '../../api/generated/core.v1.ts'
import { containersOf } from '../pods/pod.ts'

export interface References {
  /** `namespace/name`. */
  readonly configMaps: ReadonlySet<string>
  readonly secrets: ReadonlySet<string>
  /** Whether its volumes hold certificates of ClusterTrustBundles. */
  readonly usesTrustBundles: boolean
}

/** Every ConfigMap and Secret, and whether there is a bundle, that a pod's containers, volumes and image pulls name. */
export function referencesOf(pod: Pod): References {
  const namespace = pod.metadata?.namespace ?? ''
  const configMaps = new Set<string>()
  const secrets = new Set<string>()
  let usesTrustBundles = false
  const add = (set: Set<string>, name: string | undefined) => {
    if (name) set.add(`${namespace}/${name}`)
  }
  for (const { container } of containersOf(pod)) {
    for (const source of container.envFrom ?? []) addEnvFrom(source)
    for (const variable of container.env ?? []) addEnv(variable)
  }
  for (const volume of pod.spec?.volumes ?? []) addVolume(volume)
  for (const { name } of pod.spec?.imagePullSecrets ?? []) add(secrets, name)
  return { configMaps, secrets, usesTrustBundles }

  function addEnvFrom({ configMapRef, secretRef }: EnvFromSource): void {
    add(configMaps, configMapRef?.name)
    add(secrets, secretRef?.name)
  }
  function addEnv({ valueFrom }: EnvVar): void {
    add(configMaps, valueFrom?.configMapKeyRef?.name)
    add(secrets, valueFrom?.secretKeyRef?.name)
  }
  function addVolume({ configMap, secret, projected }: Volume): void {
    add(configMaps, configMap?.name)
    add(secrets, secret?.secretName)
    for (const source of projected?.sources ?? []) {
      add(configMaps, source.configMap?.name)
      add(secrets, source.secret?.name)
      usesTrustBundles ||= source.clusterTrustBundle !== undefined
    }
  }
}

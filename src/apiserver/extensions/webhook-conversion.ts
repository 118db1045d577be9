import type { KubernetesObject } from '../../machinery/meta.ts'

/** Brings objects of any of a custom resource's versions to one version, all in one request. */
export type ConvertObjects = (
  objects: readonly KubernetesObject[],
  apiVersion: string,
) => Promise<readonly KubernetesObject[]>

import type { KubernetesObject } from '../../machinery/meta.ts'

export function hasFinalizer({ metadata }: KubernetesObject, finalizer: string): boolean {
  return metadata?.finalizers?.includes(finalizer) ?? false
}

export function withFinalizer<T extends KubernetesObject>(object: T, finalizer: string): T {
  const finalizers = [...(object.metadata?.finalizers ?? []), finalizer]
  return { ...object, metadata: { ...object.metadata, finalizers } }
}

export function withoutFinalizer<T extends KubernetesObject>(object: T, finalizer: string): T {
  const finalizers = (object.metadata?.finalizers ?? []).filter((other) => other !== finalizer)
  return { ...object, metadata: { ...object.metadata, finalizers } }
}

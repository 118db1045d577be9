import type { KubernetesObject } from '../machinery/meta.ts'

/** Writes Events about objects, aggregated and rate-limited as upstream's client-go record package. Never throws, never waits. */
export interface EventRecorder {
  event(
    about: KubernetesObject,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    options?: EventOptions,
  ): void
}

export interface EventOptions {
  /** The part of the object that the event is about: `spec.containers{app}`. */
  readonly fieldPath?: string
  readonly annotations?: Readonly<Record<string, string>>
  /** What was done or tried (`Binding`); told only in the API that knows of it, events.k8s.io. The reason when absent. */
  readonly action?: string
  /** The other object that it is about; told as the action is. */
  readonly related?: KubernetesObject
}

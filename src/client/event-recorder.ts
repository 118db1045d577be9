import type { KubernetesObject } from '../machinery/meta.ts'

/** Writes Events about objects, aggregated and rate-limited as upstream's client-go record package. Never throws, never waits. */
export interface EventRecorder {
  event(about: KubernetesObject, type: 'Normal' | 'Warning', reason: string, message: string): void
}

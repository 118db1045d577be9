import type { Volume } from '../../api/generated/core.v1.ts'

const plugins: readonly (readonly [keyof Volume, string])[] = [
  ['configMap', 'configmap'],
  ['secret', 'secret'],
  ['downwardAPI', 'downward-api'],
  ['projected', 'projected'],
  ['emptyDir', 'empty-dir'],
  ['hostPath', 'host-path'],
  ['nfs', 'nfs'],
  ['csi', 'csi'],
  ['image', 'image'],
]

/** Upstream's name of a volume's plugin. What a claim is bound to is not looked up: its plugin is that of claims. */
export function volumePluginName(volume: Volume): string {
  return `kubernetes.io/${volumePlugin(volume)}`
}

/** The same as directories have it, behind `kubernetes.io~`. */
export function volumePlugin(volume: Volume): string {
  return plugins.find(([field]) => volume[field])?.[1] ?? 'persistent-claim'
}

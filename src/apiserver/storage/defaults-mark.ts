import { kubernetesVersion } from '../../api/kubernetes-version.ts'
import { StoreError, type Store } from '../../store/store.ts'
import { registryRoot } from './store-feed.ts'

/**
 * Which defaults objects get when they are written. To be raised whenever a kind gets another default, beside the
 * release of Kubernetes.
 */
const defaultsGeneration = 1

const markKey = `${registryRoot}k8ts.io/defaults/mark`

/**
 * The revision before which objects in the store were perhaps written with other defaults than those of today; what
 * was written later needs no look. Noted in the store by the first server with these defaults.
 */
export async function defaultsSince(store: Store): Promise<bigint> {
  const text = JSON.stringify({ kubernetes: kubernetesVersion, defaults: defaultsGeneration })
  const value = Buffer.from(text)
  const mark = await store.get(markKey)
  if (mark && Buffer.from(mark.value).equals(value)) return mark.revision
  try {
    const written = mark
      ? await store.update(markKey, value, mark.revision)
      : await store.create(markKey, value)
    return written.revision
  } catch (error) {
    // Another server that starts now was faster; until that is certain, everything is looked at.
    if (error instanceof StoreError) return (await store.currentRevision()) + 1n
    throw error
  }
}

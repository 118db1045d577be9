import type { KubernetesObject } from '../../machinery/meta.ts'

/** What names a stored object, without the question marks that objects not yet stored need. */
export interface Identity {
  readonly name: string
  /** `''` for cluster-scoped objects. */
  readonly namespace: string
  readonly uid: string
}

export function identityOf({ metadata = {} }: KubernetesObject): Identity {
  const { name = '', namespace = '', uid = '' } = metadata
  return { name, namespace, uid }
}

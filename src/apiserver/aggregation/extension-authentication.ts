import { configMaps } from '../../api/generated/resources.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { goJson } from '../../machinery/go-json.ts'
import { unlessThere } from '../bootstrap/namespaces.ts'
import type { Objects } from '../objects.ts'

/** How servers behind this one know who asks them. */
export interface ExtensionAuthentication {
  /** PEM: who signs the certificates of clients. */
  readonly clientAuthority: string
  /** PEM: who signs that of the front proxy. */
  readonly frontProxyAuthority: string
  /** Common names of the front proxy. */
  readonly allowedNames: readonly string[]
}

const name = { namespace: 'kube-system', name: 'extension-apiserver-authentication' }

/**
 * Keeps the ConfigMap that servers behind this one read their authentication from. Source:
 * kubernetes/pkg/controlplane/controller/clusterauthenticationtrust.
 */
export async function publishAuthentication(
  objects: Objects,
  { clientAuthority, frontProxyAuthority, allowedNames }: ExtensionAuthentication,
): Promise<void> {
  const data = {
    'client-ca-file': clientAuthority,
    'requestheader-allowed-names': goJson(allowedNames),
    'requestheader-client-ca-file': frontProxyAuthority,
    'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    'requestheader-group-headers': '["X-Remote-Group"]',
    'requestheader-uid-headers': '["X-Remote-Uid"]',
    'requestheader-username-headers': '["X-Remote-User"]',
  }
  const found = objects.get(configMaps, name)
  if (!found) await objects.create(configMaps, { metadata: name, data }).catch(unlessThere)
  else if (!jsonEqual({ ...found.data, ...data }, found.data)) {
    await objects.change(configMaps, name, (configMap) => {
      configMap.data = { ...configMap.data, ...data }
    })
  }
}

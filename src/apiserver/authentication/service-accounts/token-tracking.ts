import { configMaps } from '../../../api/generated/resources.ts'
import { formatTime } from '../../../machinery/time.ts'
import { unlessThere } from '../../bootstrap/namespaces.ts'
import type { Objects } from '../../objects.ts'

const name = { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' }

/** How often it is looked whether the date is still there. */
export const tokenTrackingPeriodMs = 1_800_000

/**
 * Keeps the ConfigMap that says since which date the last use of service accounts' tokens without expiry is noted on their
 * secrets: before that, one without a note may still have been used. Source:
 * kubernetes/pkg/controlplane/controller/legacytokentracking.
 */
export async function ensureTokenTracking(objects: Objects, nowMs: number): Promise<void> {
  const since = formatTime(nowMs).slice(0, 10)
  const found = objects.get(configMaps, name)
  if (!found) await objects.create(configMaps, { metadata: name, data: { since } }).catch(unlessThere)
  else if (!isDate(found.data?.['since'])) {
    await objects.change(configMaps, name, (configMap) => {
      configMap.data = { ...configMap.data, since }
    })
  }
}

function isDate(text: string | undefined): boolean {
  return text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
}

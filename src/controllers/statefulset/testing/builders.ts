import type { StatefulSet, StatefulSetSpec } from '../../../api/generated/apps.v1.ts'

export const labels = { app: 'db' }

export function aStatefulSet(spec: Partial<StatefulSetSpec> = {}, image = 'db:1'): StatefulSet {
  return {
    metadata: { namespace: 'default', name: 'db' },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      serviceName: 'db',
      template: { metadata: { labels }, spec: { containers: [{ name: 'db', image }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
  }
}

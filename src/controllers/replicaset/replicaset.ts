import { replicaSets } from '../../api/generated/resources.ts'
import { fromLabelSelector } from '../../machinery/label-selector.ts'
import { staleSyncsOf } from '../sync-metrics.ts'
import { replicaReconciler } from './replica-reconciler.ts'

export const replicaSetReconciler = replicaReconciler({
  name: 'replicaset',
  staleSyncs: staleSyncsOf('replicaset', 'ReplicaSet'),
  eventSource: 'replicaset-controller',
  resource: replicaSets,
  reportsTerminating: true,
  selector: ({ spec }) => fromLabelSelector(spec?.selector),
})

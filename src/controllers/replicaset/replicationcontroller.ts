import { replicationControllers } from '../../api/generated/resources.ts'
import { fromLabels, noLabelSet } from '../../machinery/label-selector.ts'
import { replicaReconciler } from './replica-reconciler.ts'

export const replicationControllerReconciler = replicaReconciler({
  name: 'replicationcontroller',
  queueName: 'replicationmanager',
  eventSource: 'replication-controller',
  resource: replicationControllers,
  reportsTerminating: false,
  selector: ({ spec }) => (spec?.selector ? fromLabels(spec.selector) : noLabelSet),
})

import type { Metrics } from '../../machinery/metrics.ts'

const prefix = 'endpoint_slice_controller'

/** A slice has been written. Names as upstream: k8s.io/endpointslice/metrics. */
export function countSliceChange(metrics: Metrics, operation: 'create' | 'update' | 'delete'): void {
  metrics
    .counter({
      name: `${prefix}_changes`,
      help: 'Number of EndpointSlice changes',
      labels: ['operation'],
    })
    .with({ operation })
    .add()
}

/** The slices of a service have been looked at. */
export function countSliceSync(metrics: Metrics, result: 'success' | 'error'): void {
  metrics
    .counter({
      name: `${prefix}_syncs`,
      help: 'Number of EndpointSlice syncs',
      labels: ['result'],
    })
    .with({ result })
    .add()
}

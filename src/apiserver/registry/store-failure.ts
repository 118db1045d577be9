import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import { StoreError } from '../../store/store.ts'

export function isTooLarge(error: unknown): boolean {
  return error instanceof StoreError && error.reason === 'tooLarge'
}

/** What clients are told when the store will not do what it is asked; anything else as it is. */
export function interpretStoreFailure(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error
  switch (error.reason) {
    case 'tooLarge':
      // As upstream passes on what etcd says.
      return new StatusError(500, '', 'etcdserver: request is too large')
    case 'closed':
      return serviceUnavailable('the store is closed')
    default:
      return error
  }
}

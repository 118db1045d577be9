import { requestEntityTooLarge, serviceUnavailable } from '../../machinery/status-errors.ts'
import { StoreError } from '../../store/store.ts'

/** What clients are told when the store will not do what it is asked; anything else as it is. */
export function interpretStoreFailure(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error
  switch (error.reason) {
    case 'tooLarge':
      return requestEntityTooLarge(error.message)
    case 'closed':
      return serviceUnavailable('the store is closed')
    default:
      return error
  }
}

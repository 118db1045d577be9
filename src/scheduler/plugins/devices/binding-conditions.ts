import type { ResourceClaim } from '../../../api/generated/resource.v1.ts'
import type { Informer } from '../../../client/informer.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { keyOf } from '../../../machinery/resource.ts'
import { deviceId } from './device-pools.ts'

export type BindingState = 'ready' | 'waiting' | 'failed'

/** Whether all allocated devices say that pods may be bound to them, or one that it never will. */
export function bindingState({ status }: ResourceClaim): BindingState {
  const stated = new Map(
    (status?.devices ?? []).map(({ driver, pool, device, shareID, conditions }) => [
      `${deviceId(driver, pool, device)}/${shareID ?? ''}`,
      new Set((conditions ?? []).filter((each) => each.status === 'True').map(({ type }) => type)),
    ]),
  )
  let state: BindingState = 'ready'
  for (const result of status?.allocation?.devices?.results ?? []) {
    const { driver, pool, device, shareID, bindingConditions = [], bindingFailureConditions = [] } = result
    const isTrue = stated.get(`${deviceId(driver, pool, device)}/${shareID ?? ''}`)
    if (bindingFailureConditions.some((type) => isTrue?.has(type))) return 'failed'
    if (bindingConditions.some((type) => !isTrue?.has(type))) state = 'waiting'
  }
  return state
}

export interface DeviceWait {
  readonly cache: Informer<ResourceClaim>
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Resolves when the devices of these claims, by their keys, are ready; rejects when they will not be, or time is up. */
export async function devicesReady(keys: readonly string[], wait: DeviceWait): Promise<void> {
  const { cache, clock, timeoutMs, signal } = wait
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => {
    const states = keys.map((key) => {
      const claim = cache.get(key)
      return claim?.status?.allocation ? bindingState(claim) : 'failed'
    })
    const failed = states.indexOf('failed')
    if (failed >= 0) reject(new Error(`claim ${keys[failed]} binding failed`))
    else if (states.every((state) => state === 'ready')) resolve()
  }
  const onAbort = () => reject(new Error('the scheduler stops'))
  const cancel = clock.after(timeoutMs, () => {
    reject(new Error(`device binding timeout for claims ${keys.join(', ')}`))
  })
  signal.addEventListener('abort', onAbort, { once: true })
  const unsubscribe = cache.onChange(({ object }) => {
    if (keys.includes(keyOf(object))) look()
  })
  try {
    look()
    await promise
  } finally {
    unsubscribe()
    cancel()
    signal.removeEventListener('abort', onAbort)
  }
}

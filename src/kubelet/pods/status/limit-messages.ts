import type { ContainerState, ContainerStatus } from '../../../api/generated/core.v1.ts'

/** Of all containers of a pod together. */
const maximumMessageBytes = 12 * 1024

type Statuses = readonly ContainerStatus[]

/** Cuts termination messages short, each to its share, so that no pod makes its object large by them. */
export function limitMessages(
  init: Statuses,
  main: Statuses,
  ephemeral: Statuses,
): readonly [ContainerStatus[], ContainerStatus[], ContainerStatus[]] {
  const count = init.length + main.length + ephemeral.length
  const share = Math.floor(maximumMessageBytes / Math.max(1, count))
  const limited = (statuses: Statuses) => statuses.map((status) => limitedStatus(status, share))
  return [limited(init), limited(main), limited(ephemeral)]
}

function limitedStatus(status: ContainerStatus, share: number): ContainerStatus {
  const { state, lastState } = status
  const [now, before] = [limitedState(state, share), limitedState(lastState, share)]
  if (now === state && before === lastState) return status
  return { ...status, ...(now && { state: now }), ...(before && { lastState: before }) }
}

function limitedState(state: ContainerState | undefined, share: number): ContainerState | undefined {
  const message = state?.terminated?.message
  if (!state?.terminated || message === undefined || Buffer.byteLength(message) <= share) return state
  const start = Buffer.from(message)
    .subarray(0, share)
    .toString()
    .replace(/\uFFFD$/, '')
  return { ...state, terminated: { ...state.terminated, message: start } }
}

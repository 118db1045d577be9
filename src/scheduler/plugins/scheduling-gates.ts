import type { Plugin } from '../framework.ts'

/** A pod with scheduling gates waits until they are removed. */
export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  gate({ pod }) {
    const gates = pod.spec?.schedulingGates ?? []
    return gates.length > 0
      ? `waiting for scheduling gates: [${gates.map(({ name }) => name).join(' ')}]`
      : undefined
  },
  mayHelp: (change) => change.type === 'podUpdated',
}

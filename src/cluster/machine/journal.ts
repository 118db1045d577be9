import { rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { AddressPlan } from './address-plan.ts'
import { readIfExists, writeAtomically } from './atomic-file.ts'
import type { ProcessIdentity } from './processes.ts'

/** Something on the machine, outside the cluster's folder, that `down` takes away again. */
export type Trace =
  | { readonly kind: 'addressPlan'; readonly index: number }
  | { readonly kind: 'bridge'; readonly plan: AddressPlan }
  | { readonly kind: 'forwarding'; readonly plan: AddressPlan }
  /** A node's network namespace, and the host's end of the link to it. */
  | { readonly kind: 'namespace'; readonly name: string; readonly link: string }
  /** A cgroup; every process in it and below is the cluster's. */
  | { readonly kind: 'cgroup'; readonly path: string }
  | { readonly kind: 'mounts'; readonly below: string }
  /** Run state of a node's containerd, with the sockets of its shims. */
  | { readonly kind: 'containerdState'; readonly path: string }
  /** What CNI remembers of a network (/var/lib/cni/results). */
  | { readonly kind: 'cniResults'; readonly network: string }
  /** What the node that is this machine itself has in nftables. */
  | { readonly kind: 'nodeRules' }
  | { readonly kind: 'process'; readonly role: string; readonly process: ProcessIdentity }

/**
 * What of a cluster is on the machine. A trace is recorded before the thing is made and forgotten after it is gone, so
 * that whatever is cut off in between, the next `up` or `down` knows what may be there.
 */
export interface Journal {
  readonly traces: readonly Trace[]
  record(trace: Trace): void
  forget(trace: Trace): void
  /** Removes the journal itself: nothing is left. */
  remove(): void
}

export function openJournal(file: string): Journal {
  let traces = read(file)
  const save = () => writeAtomically(file, `${JSON.stringify(traces, undefined, 1)}\n`)
  return {
    get traces() {
      return traces
    },
    record(trace) {
      if (traces.some((known) => isDeepStrictEqual(known, trace))) return
      traces = [...traces, trace]
      save()
    },
    forget(trace) {
      const rest = traces.filter((known) => !isDeepStrictEqual(known, trace))
      if (rest.length === traces.length) return
      traces = rest
      save()
    },
    remove() {
      traces = []
      rmSync(file, { force: true })
    },
  }
}

function read(file: string): readonly Trace[] {
  const text = readIfExists(file)
  return text === undefined ? [] : (JSON.parse(text) as readonly Trace[])
}

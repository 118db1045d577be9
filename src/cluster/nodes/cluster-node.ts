import type { NodeStatus } from '../control/control-protocol.ts'

/** One node of a running cluster, whatever it is made of. */
export interface ClusterNode {
  readonly name: string
  /** Has the machine ready for it: what takes no API server. */
  prepare(): Promise<void>
  /** Starts its components; the API server answers. */
  start(): Promise<void>
  /** Ends it at once, as if its power were cut. */
  stop(): Promise<void>
  /** Stops it and removes all it kept. */
  delete(): Promise<void>
  /** Lets its containers run on, but not its process: before this process ends. */
  release(): Promise<void>
  /** Has its components use the certificates that the PKI has now, where theirs are others. */
  renewCertificates(): Promise<void>
  status(): Promise<NodeStatus>
}

/** What one run of a probe found. `error`: the probe itself could not be run; it is tried again. */
export interface ProbeOutcome {
  readonly result: 'success' | 'failure' | 'error' | 'warning'
  readonly output: string
}

export function succeeded(output = ''): ProbeOutcome {
  return { result: 'success', output }
}

export function failed(output: string): ProbeOutcome {
  return { result: 'failure', output }
}

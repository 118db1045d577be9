/**
 * Why an evaluation has no value. `evaluation`: the expression failed (`no such key: x`). `callLimit`: this call cost
 * more than one may. `budget`: the shared budget is spent. Messages are cel-go's.
 */
export class CelError extends Error {
  readonly reason: 'evaluation' | 'callLimit' | 'budget'

  constructor(message: string, reason: CelError['reason'] = 'evaluation') {
    super(message)
    this.name = 'CelError'
    this.reason = reason
  }
}

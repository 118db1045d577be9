/** One reason why an expression does not compile, and where. */
export interface CelIssue {
  readonly message: string
  /** From 1; 0 where the whole expression is meant. */
  readonly line: number
  /** From 0, in code points. */
  readonly column: number
}

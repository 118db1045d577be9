/** Keeps the machine from going down for a while, and tells when it is about to. */
export interface ShutdownInhibitor {
  /** How long the machine waits at most for those who ask it to. */
  delayMs(): Promise<number>
  /** Has the machine wait that long. */
  setDelay(delayMs: number): Promise<void>
  /** Asks the machine to wait until what it resolves with is called. */
  lock(): Promise<() => void>
  /**
   * Tells that the machine is about to go down (true), or not any more (false). `ended` resolves when nothing can be told
   * any more.
   */
  watch(onShutdown: (isShuttingDown: boolean) => void): Promise<ShutdownWatch>
}

export interface ShutdownWatch {
  readonly ended: Promise<void>
  stop(): void
}

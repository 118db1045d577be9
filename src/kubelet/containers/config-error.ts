/** A container cannot be configured: the waiting reason of its status, in upstream's words. It is tried again. */
export class ConfigError extends Error {
  readonly reason: string

  constructor(message: string, reason = 'CreateContainerConfigError') {
    super(message)
    this.name = 'ConfigError'
    this.reason = reason
  }
}

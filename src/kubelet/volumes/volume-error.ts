/** A volume cannot be made now; the message is what the FailedMount event says. It is tried again. */
export class VolumeError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'VolumeError'
  }
}

export type DataDirectoryErrorReason = 'inUse' | 'foreign' | 'corrupt' | 'newer'

/** Says why the data in a directory cannot be opened. Nothing in the directory has been changed. */
export class DataDirectoryError extends Error {
  readonly reason: DataDirectoryErrorReason

  constructor(reason: DataDirectoryErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'DataDirectoryError'
    this.reason = reason
  }
}

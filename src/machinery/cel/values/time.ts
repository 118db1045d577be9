/** A moment, in nanoseconds since the epoch; years 1 to 9999. */
export class CelTimestamp {
  readonly nanoseconds: bigint

  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds
  }
}

/** A span of time in nanoseconds, within 64 bits. */
export class CelDuration {
  readonly nanoseconds: bigint

  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds
  }
}

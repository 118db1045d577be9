import { StatusError } from '../status.ts'

/**
 * A patch that cannot be read or applied, as the Status that upstream's PATCH handler answers with: it does not always
 * tell why, `detail` does.
 */
export class PatchError extends StatusError {
  readonly detail: string

  private constructor(code: number, reason: string, message: string, detail: string) {
    super(code, reason, message, code === 422 ? {} : undefined)
    this.name = 'PatchError'
    this.detail = detail
  }

  /** 400: it is no patch. */
  static malformed(detail: string): PatchError {
    return new PatchError(400, 'BadRequest', detail, detail)
  }

  /** 422: it does not fit the object. */
  static inapplicable(detail: string): PatchError {
    const message = 'the server rejected our request due to an error in our request'
    return new PatchError(422, 'Invalid', message, detail)
  }

  /** 413. */
  static tooLarge(detail: string): PatchError {
    return new PatchError(413, 'RequestEntityTooLarge', `Request entity too large: ${detail}`, detail)
  }

  /** 500 without a reason: where upstream's handler passes on an error that it does not know. */
  static unexpected(detail: string): PatchError {
    return new PatchError(500, '', detail, detail)
  }
}

/**
 * One fault found by validation: where, what, and the value. Wording as upstream's k8s.io/apimachinery
 * pkg/util/validation/field, so that users recognise it.
 */
export interface FieldError {
  readonly type:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueNotFound'
    | 'FieldValueNotSupported'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueTypeInvalid'
    | 'InternalError'
  /** `spec.containers[0].name`, `metadata.labels[app]`. */
  readonly field: string
  /** The whole sentence behind `field: `, for example `Invalid value: "x": must be ...`. */
  readonly message: string
}

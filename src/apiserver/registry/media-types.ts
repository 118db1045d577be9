/** The forms in which objects are read and sent, in the order in which messages name them. */
export const objectMediaTypes = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
] as const

export type ObjectMediaType = (typeof objectMediaTypes)[number]

/** Media types of PATCH bodies. */
export const patchMediaTypes = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
} as const

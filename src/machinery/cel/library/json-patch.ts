import { globalFunction, type Library } from './function.ts'

/** A key as a JSON pointer writes it. */
function escapeKey(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** Source: k8s.io/apiserver/pkg/cel/library/jsonpatch.go. */
export const jsonPatchLibrary: Library = {
  since: 0,
  functions: [
    globalFunction(
      'jsonpatch.escapeKey',
      'string_jsonpatch_escapeKey_string',
      ['string'],
      'string',
      escapeKey,
    ),
  ],
}

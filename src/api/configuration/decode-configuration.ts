import type { GroupVersionKind, KubernetesObject } from '../../machinery/meta.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { BodyError, decodeYamlBody, strictErrorMessage } from '../decode-body.ts'

/** A kind of file that a component is configured by. */
export interface ConfigurationKind extends GroupVersionKind {
  readonly schema: ObjectSchema
}

/**
 * Reads a configuration file, YAML or JSON, of one of these kinds. Throws an Error that says what is wrong, also of
 * unknown and duplicate fields, unless these are only to be told to `onStrictError`.
 */
export function decodeConfiguration(
  text: string,
  kinds: readonly ConfigurationKind[],
  onStrictError: (message: string) => void = refuse,
): KubernetesObject {
  const schemaOf = ({ group, version, kind }: GroupVersionKind) =>
    kinds.find((known) => known.group === group && known.version === version && known.kind === kind)?.schema
  try {
    const { object, strictErrors } = decodeYamlBody(new TextEncoder().encode(text), {
      strict: true,
      schemaOf,
    })
    if (strictErrors.length > 0) onStrictError(strictErrorMessage(strictErrors))
    return object
  } catch (error) {
    if (error instanceof BodyError) throw new Error(error.message, { cause: error })
    throw error
  }
}

function refuse(message: string): never {
  throw new Error(message)
}

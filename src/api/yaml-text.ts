import type { Schema, YAMLException } from 'js-yaml'
import { goQuote } from '../machinery/go-format.ts'
import { integerOf, parseWithLongIntegers } from '../machinery/long-integers.ts'
import { yaml } from '../machinery/yaml.ts'
import { DecodeError } from './decode-error.ts'
import { countJsonKeys } from './json-text.ts'

/**
 * YAML as the API takes it: one document, read as sigs.k8s.io/yaml reads it (YAML 1.1 words for booleans, no
 * timestamps, no base 60), with limits on nesting and on what aliases may multiply.
 */

const maxDepth = 100
/** Aliases may nest what stands flat in the text, even without end. */
const maxDepthWithAliases = 1000
const maxAliases = 1000
/** A body of a few kilobytes must not become gigabytes. */
const maxNodesFromAliases = 100_000

const booleans = new Map<string, boolean>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map(
    (word) => [word, true] as const,
  ),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map(
    (word) => [word, false] as const,
  ),
])

const digits = '+-.0123456789'.split('')

let schema: Schema | undefined

/** What plain words mean. */
function kubernetesSchema(): Schema {
  const library = yaml()
  const { defineScalarTag, mapTag, mergeTag, nullYaml11Tag, Schema, seqTag, strTag } = library
  // Destructured, it would be any symbol to the compiler.
  const NOT_RESOLVED: typeof library.NOT_RESOLVED = library.NOT_RESOLVED
  const boolTag = defineScalarTag<boolean>('tag:yaml.org,2002:bool', {
    implicit: true,
    implicitFirstChars: 'yYnNtTfFoO'.split(''),
    resolve: (source) => booleans.get(source) ?? NOT_RESOLVED,
    identify: () => false,
  })

  const intTag = defineScalarTag<number | bigint>('tag:yaml.org,2002:int', {
    implicit: true,
    implicitFirstChars: digits,
    resolve(source) {
      const match = /^([-+]?)(?:0x([0-9a-f]+)|0b([01]+)|0o?([0-7]+)|(0|[1-9]\d*))$/i.exec(
        source.replaceAll('_', ''),
      )
      if (!match) return NOT_RESOLVED
      const [, sign, hexadecimal, binary, octal, decimal = ''] = match
      if (hexadecimal || binary || octal) {
        const prefixed = hexadecimal ? `0x${hexadecimal}` : binary ? `0b${binary}` : `0o${octal}`
        return Number(prefixed) * (sign === '-' ? -1 : 1)
      }
      return integerOf(`${sign === '-' ? '-' : ''}${decimal}`)
    },
    identify: () => false,
  })
  const floatTag = defineScalarTag<number>('tag:yaml.org,2002:float', {
    implicit: true,
    implicitFirstChars: digits,
    resolve(source) {
      const plain = source.replaceAll('_', '')
      if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(plain)) return Number(plain)
      // JSON has no word for infinity, so these stay what they look like and the decoder refuses them.
      return NOT_RESOLVED
    },
    identify: () => false,
  })
  return new Schema([strTag, nullYaml11Tag, boolTag, intTag, floatTag, mergeTag, seqTag, mapTag])
}

/** One YAML document. */
export interface YamlDocument {
  /** Of a key that stands twice the last value counts. */
  readonly value: unknown
  /** What upstream says about the first key that stands twice; undefined when there is none. */
  duplicateKey(): string | undefined
}

/** Throws a DecodeError. */
export function parseYaml(text: string): unknown {
  return readYaml(text).value
}

/** Reads one YAML document (JSON is YAML, too). Throws a DecodeError. */
export function readYaml(text: string): YamlDocument {
  const json = parseAsJson(text)
  if (json) {
    const { value, keyCount } = json
    return {
      value,
      duplicateKey: () => (keyCount === countJsonKeys(text) ? undefined : duplicateKey(text)),
    }
  }
  const value = loadYaml(text, true)
  refuseMultiplication(value, text.length)
  return { value, duplicateKey: () => duplicateKey(text) }
}

function duplicateKey(text: string): string | undefined {
  try {
    loadYaml(text, false)
    return undefined
  } catch (error) {
    if (error instanceof DecodeError) return error.message
    throw error
  }
}

/** A key that merges what it holds, and characters that YAML does not take. */
const otherThanJson = /"<<"|[\x7f-\x84\x86-\x9f\ufffe\uffff]/

/**
 * Reads what is an object of JSON, as most programs send, at a tenth of the price; undefined for everything else, and for
 * what YAML reads in another way.
 */
function parseAsJson(text: string): { readonly value: unknown; readonly keyCount: number } | undefined {
  if (!/^\s*\{/.test(text) || otherThanJson.test(text)) return undefined
  let value: unknown
  try {
    value = parseWithLongIntegers(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  refuseSurrogates(text)
  const keyCount = countKeys(value, maxDepth)
  return keyCount === undefined ? undefined : { value, keyCount }
}

/** YAML knows escapes of characters only, so JSON's of a surrogate, also of one in a pair, are none of it. */
function refuseSurrogates(text: string): void {
  if (!text.includes('\\') || !/\\u[dD][89a-fA-F]/.test(text)) return
  for (const { 0: escape, index } of text.matchAll(/\\u[dD][89a-fA-F]|\\./g)) {
    if (escape.length === 2) continue
    const line = text.slice(0, index).split('\n').length
    const where = line > 1 ? `line ${line}: ` : ''
    throw new DecodeError(`yaml: ${where}found invalid Unicode character escape code`)
  }
}

/** Of all objects in a value; undefined where it nests deeper than `levels`. */
function countKeys(value: unknown, levels: number): number | undefined {
  if (typeof value !== 'object' || value === null) return 0
  if (levels === 0) return undefined
  const items = Object.values(value)
  let count = Array.isArray(value) ? 0 : items.length
  for (const item of items) {
    const inner = countKeys(item, levels - 1)
    if (inner === undefined) return undefined
    count += inner
  }
  return count
}

function loadYaml(text: string, lastWins: boolean): unknown {
  if (text.trim() === '') return null
  const { load, YAMLException } = yaml()
  try {
    schema ??= kubernetesSchema()
    return load(text, { schema, json: lastWins, maxDepth, maxAliases })
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    throw new DecodeError(messageOf(error, text))
  }
}

function messageOf(error: YAMLException, text: string): string {
  const line = (error.mark?.line ?? 0) + 1
  if (error.reason.includes('duplicated mapping key')) {
    const key = /^[\s-]*["']?([^"':]*)/.exec(text.split('\n')[line - 1] ?? '')?.[1] ?? ''
    return `yaml: unmarshal errors:\n  line ${line}: key ${goQuote(key)} already set in map`
  }
  return `yaml: line ${line}: ${error.reason}`
}

/** Counts nodes as often as they are reached: shared ones come from aliases. */
function refuseMultiplication(root: unknown, textLength: number): void {
  const limit = Math.max(maxNodesFromAliases, textLength)
  let count = 0
  const visit = (value: unknown, depth: number): void => {
    if (++count > limit) throw new DecodeError('yaml: document contains excessive aliasing')
    if (typeof value !== 'object' || value === null) return
    if (depth > maxDepthWithAliases) throw new DecodeError('exceeded max depth')
    for (const item of Object.values(value)) visit(item, depth + 1)
  }
  visit(root, 0)
}

import { addCustomDefinitions } from './custom-schema.ts'
import { openApiV2Frame, pathItem } from './document-v2.ts'
import { byPath, describedInput, versionsOf } from './document-v3.ts'
import type { JsonObject, OpenApiInput, OpenApiResource } from './input.ts'
import { pathsOf } from './resource-paths.ts'
import { SchemaWriter } from './schema-writer.ts'
import { serverPaths } from './server-paths.ts'

/** What a resource adds to the document, as text: made once, and used in every document until the resource changes. */
export interface DocumentPart {
  /** `"name":{...}` of all entries, one behind the other. */
  readonly text: { readonly value: Uint8Array }
  readonly entries: readonly PartEntry[]
  /** Built-in types that it refers to. */
  readonly wanted: readonly string[]
}

interface PartEntry {
  readonly section: Section
  readonly name: string
  /** Where it stands in the text. */
  readonly start: number
  readonly end: number
}

type Section = 'paths' | 'definitions'

export interface DocumentParts {
  /** Those of the document before this one, by what they are made of; afterwards those of this one. */
  readonly known: Map<string, DocumentPart>
  /** Holds a text until it is needed again, in whatever form. */
  keep(text: Buffer): DocumentPart['text']
  /** Awaited after each part that had to be made: there may be hundreds. */
  pause(): Promise<void>
}

/** A text that is made as it is read, of what is held of it. */
export interface DocumentText {
  /** In bytes. */
  readonly length: number
  pieces(): Iterable<Buffer>
}

/**
 * The JSON of openApiV2Document, without ever being there as a whole: with some hundred custom resources it is tens of
 * megabytes long.
 */
export async function openApiV2Text(input: OpenApiInput, parts: DocumentParts): Promise<DocumentText> {
  const versions = versionsOf(input)
  const { descriptions } = input
  const writer = new SchemaWriter({ dialect: 'v2', versions, ...(descriptions && { descriptions }) })
  const used = new Map<string, DocumentPart>()
  for (const resource of input.resources) {
    if (!resource.custom) continue
    const key = describedInput(input, [resource])
    let part = parts.known.get(key)
    if (!part) {
      part = customPart(input, resource, parts)
      await parts.pause()
    }
    used.set(key, part)
    for (const name of part.wanted) writer.reference(name)
  }
  parts.known.clear()
  for (const [key, part] of used) parts.known.set(key, part)

  const builtIn = input.resources.filter(({ custom }) => !custom)
  const paths = [...[...serverPaths(versions).values()].flat(), ...builtIn.flatMap(pathsOf)]
  const items = paths.map((path) => [path.path, pathItem(path, writer)] as const)
  const rest = partOf(items, Object.entries(writer.finish()) as [string, JsonObject][], [], parts)
  return textOf(input, [rest, ...used.values()])
}

function customPart(input: OpenApiInput, resource: OpenApiResource, parts: DocumentParts): DocumentPart {
  const { descriptions } = input
  const writer = new SchemaWriter({ dialect: 'v2', versions: [], ...(descriptions && { descriptions }) })
  addCustomDefinitions(resource, writer, 'v2', descriptions)
  const paths = pathsOf(resource).map((path) => [path.path, pathItem(path, writer)] as const)
  const { definitions, wanted } = writer.unfinished()
  return partOf(paths, definitions, wanted, parts)
}

function partOf(
  paths: readonly (readonly [string, JsonObject])[],
  definitions: readonly (readonly [string, JsonObject])[],
  wanted: readonly string[],
  { keep }: DocumentParts,
): DocumentPart {
  const texts: Buffer[] = []
  const entries: PartEntry[] = []
  let start = 0
  for (const [section, named] of [
    ['paths', paths],
    ['definitions', definitions],
  ] as const) {
    for (const [name, value] of named) {
      const text = Buffer.from(`${JSON.stringify(name)}:${JSON.stringify(value)}`)
      texts.push(text)
      entries.push({ section, name, start, end: start + text.length })
      start += text.length
    }
  }
  return { text: keep(Buffer.concat(texts)), entries, wanted }
}

function textOf(input: OpenApiInput, parts: readonly DocumentPart[]): DocumentText {
  const all = parts.flatMap((part) => part.entries.map((entry) => ({ part, entry })))
  const of = (section: Section) => all.filter(({ entry }) => entry.section === section)
  const paths = of('paths').sort((left, right) =>
    byPath({ path: left.entry.name }, { path: right.entry.name }),
  )
  const definitions = of('definitions').sort((left, right) => (left.entry.name < right.entry.name ? -1 : 1))
  // The sections of the frame are empty, and stand in this order.
  const [head, middle, tail] = JSON.stringify(openApiV2Frame(input, {}, {})).split(
    /(?<="paths":\{)|(?<="definitions":\{)/,
  )
  const sections = [
    [head!, paths],
    [middle!, definitions],
  ] as const
  let length = Buffer.byteLength(tail!)
  for (const [before, entries] of sections) {
    length += Buffer.byteLength(before) + Math.max(0, entries.length - 1)
    for (const { entry } of entries) length += entry.end - entry.start
  }
  function* small(): Generator<Uint8Array> {
    for (const [before, entries] of sections) {
      yield Buffer.from(before)
      for (const [index, { part, entry }] of entries.entries()) {
        if (index > 0) yield comma
        yield part.text.value.subarray(entry.start, entry.end)
      }
    }
    yield Buffer.from(tail!)
  }
  return { length, pieces: () => inChunks(small()) }
}

const comma = Buffer.from(',')
const chunkBytes = 256 << 10

/** The same bytes in fewer pieces. */
function* inChunks(pieces: Iterable<Uint8Array>): Generator<Buffer> {
  let gathered: Uint8Array[] = []
  let length = 0
  for (const piece of pieces) {
    gathered.push(piece)
    length += piece.length
    if (length < chunkBytes) continue
    yield Buffer.concat(gathered, length)
    gathered = []
    length = 0
  }
  if (length > 0) yield Buffer.concat(gathered, length)
}

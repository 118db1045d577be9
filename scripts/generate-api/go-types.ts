/** What the generator reads out of a Go source file: its type declarations, their markers, and string constants. */

export interface GoPackage {
  readonly types: Map<string, GoType>
  /** Constants by name: the Go type they are declared with and their value. */
  readonly constants: Map<string, GoConstant>
}

export interface GoConstant {
  readonly type: string
  /** The literal, or the name of the constant that it is made of: `v1.IPv4Protocol`. */
  readonly value: string
  readonly isReference: boolean
}

export interface GoType {
  readonly name: string
  readonly markers: readonly string[]
  /** Import alias to path, of the file that declares the type. */
  readonly imports: ReadonlyMap<string, string>
  readonly definition:
    | { readonly form: 'struct'; readonly fields: readonly GoField[] }
    | { readonly form: 'expression'; readonly expression: string }
}

export interface GoField {
  /** Go name; for an embedded field the name of its type. */
  readonly name: string
  readonly embedded: boolean
  readonly type: string
  readonly tag: ReadonlyMap<string, string>
  readonly markers: readonly string[]
}

const typeLine = /^type (\w+) (=\s*)?(.+)$/
/** `Name Type = "value"`, `Name = Type("value")`, `Name = Type(other.Name)`. */
const constantLine = /^(?:const\s+)?(\w+)\s+(?:([\w.]+)\s*=\s*|=\s*([\w.]+)\()(?:"([^"]*)"|([\w.]+)\))/
const importLine = /^(?:import\s+)?(?:(\w+)\s+)?"([^"]+)"$/
const fieldLine = /^(\w+)\s+([^`]+?)\s*(?:`([^`]*)`)?$/
const embeddedLine = /^(\*?[\w.]+)\s*(?:`([^`]*)`)?$/

/** Adds the declarations of one file to `into`. */
export function readGoFile(text: string, into: GoPackage): void {
  const imports = new Map<string, string>()
  let markers: string[] = []
  let struct: { name: string; markers: string[]; fields: GoField[] } | undefined
  for (const rawLine of withoutBlockComments(text).split('\n')) {
    const line = rawLine.trim()
    if (line.startsWith('//')) {
      markers.push(line.slice(2).trim())
    } else if (line === '') {
      // Markers of a type may stand one blank line above its doc comment; those of a field may not.
      if (struct) markers = []
    } else if (struct) {
      if (line === '}') {
        into.types.set(struct.name, typeOf(struct, imports))
        struct = undefined
      } else {
        struct.fields.push(fieldOf(line.replace(/\s+\/\/.*$/, ''), markers))
      }
      markers = []
    } else {
      struct = readDeclaration(line, markers, imports, into)
      markers = []
    }
  }
}

function readDeclaration(line: string, markers: string[], imports: Map<string, string>, into: GoPackage) {
  const imported = importLine.exec(line)
  if (imported) {
    const path = imported[2]!
    imports.set(imported[1] ?? path.slice(path.lastIndexOf('/') + 1), path)
    return undefined
  }
  const constant = constantLine.exec(line)
  if (constant) {
    const [, name = '', declared, converted, literal, reference] = constant
    const type = declared ?? converted ?? ''
    into.constants.set(name, { type, value: literal ?? reference ?? '', isReference: literal === undefined })
  }
  const type = typeLine.exec(line)
  if (!type) return undefined
  const name = type[1]!
  const expression = type[3]!.replace(/\s+\/\/.*$/, '')
  const owned = markers.filter((marker) => marker.startsWith('+'))
  if (expression === 'struct {') return { name, markers: owned, fields: [] as GoField[] }
  if (expression === 'struct{}') {
    into.types.set(name, typeOf({ name, markers: owned, fields: [] }, imports))
  } else {
    into.types.set(name, { name, markers: owned, imports, definition: { form: 'expression', expression } })
  }
  return undefined
}

function typeOf(
  struct: { name: string; markers: readonly string[]; fields: readonly GoField[] },
  imports: ReadonlyMap<string, string>,
): GoType {
  const { name, markers, fields } = struct
  return { name, markers, imports, definition: { form: 'struct', fields } }
}

function fieldOf(line: string, markers: readonly string[]): GoField {
  const owned = markers.filter((marker) => marker.startsWith('+'))
  const embedded = embeddedLine.exec(line)
  if (embedded) {
    const type = embedded[1]!
    const name = type.replace(/^\*/, '').replace(/^\w+\./, '')
    return { name, embedded: true, type, tag: tagsOf(embedded[2]), markers: owned }
  }
  const field = fieldLine.exec(line)
  if (!field) throw new Error(`not a Go field: ${line}`)
  return { name: field[1]!, embedded: false, type: field[2]!, tag: tagsOf(field[3]), markers: owned }
}

function tagsOf(tag = ''): Map<string, string> {
  return new Map([...tag.matchAll(/(\w+):"([^"]*)"/g)].map((match) => [match[1]!, match[2]!]))
}

function withoutBlockComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '')
}

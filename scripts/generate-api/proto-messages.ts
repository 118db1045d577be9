/** Field numbers and types out of a `generated.proto`. */

export interface ProtoField {
  readonly number: number
  /** `string`, `int32`, a message name, or `map<string, X>`. */
  readonly type: string
  readonly repeated: boolean
}

export type ProtoMessages = Map<string, Map<string, ProtoField>>

const fieldLine = /^(optional|repeated|map<\w+, ?[\w.]+>)\s+(?:([\w.]+)\s+)?(\w+)\s*=\s*(\d+);$/

export function readProto(text: string): ProtoMessages {
  const messages: ProtoMessages = new Map()
  let fields: Map<string, ProtoField> | undefined
  for (const rawLine of text.split('\n')) {
    const line = rawLine.trim()
    const message = /^message (\w+) \{$/.exec(line)
    if (message) {
      fields = new Map()
      messages.set(message[1]!, fields)
    }
    const field = fieldLine.exec(line)
    if (!field) continue
    const [, label, type, name, number] = field
    fields?.set(name!, {
      number: Number(number),
      type: type ?? label!,
      repeated: label === 'repeated',
    })
  }
  return messages
}

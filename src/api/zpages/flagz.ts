import type { Random } from '../../machinery/random.ts'
import { pickDelimiter } from './delimiter.ts'
import type { ZPage } from './zpage.ts'

/** Values by the names of upstream's flags, without dashes. Nothing that is secret may be among them. */
export type Flags = Readonly<Record<string, string>>

export interface FlagzOptions {
  readonly component: string
  /** What is in effect, as long as the component runs. */
  readonly flags: () => Flags
  readonly random: Random
}

/** `/flagz`: the command line that the component works by. Its text is made once. */
export function flagzPage({ component, flags, random }: FlagzOptions): ZPage {
  let text: string | undefined
  const sorted = () =>
    Object.entries(flags())
      .map(([name, value]) => [name, withoutPasswords(value)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    path: '/flagz',
    kind: 'Flagz',
    component,
    text() {
      if (text === undefined) {
        const delimiter = pickDelimiter(random)
        text = sorted()
          .map(([name, value]) => `${name}${delimiter}${value}\n`)
          .join('')
      }
      return text
    },
    fields() {
      const entries = sorted()
      return entries.length > 0 ? { flags: Object.fromEntries(entries) } : {}
    },
  }
}

/** A URL may say who its client is: that is shown to nobody. */
function withoutPasswords(value: string): string {
  return value.replaceAll(/:\/\/[^/@\s,]*@/g, '://CLASSIFIED@')
}

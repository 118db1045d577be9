import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import { flagzPage, type Flags } from './flagz.ts'
import { statuszPage } from './statusz.ts'
import { answerZPage, type ZPageAnswer } from './zpage.ts'

export interface ComponentZPagesOptions {
  readonly component: string
  /** What else the component serves. */
  readonly paths: () => readonly string[]
  /** Default: there is no `/flagz`. */
  readonly flags?: (() => Flags) | undefined
  readonly clock: Clock
  readonly random: Random
}

/** Headers as Node gives them: names in lower case. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

/** What a component tells about itself. */
export interface ComponentZPages {
  /** Undefined for a path that is none of these pages. `url` with the query, as it was sent. */
  answer(url: string, headers: Headers): ZPageAnswer | undefined
}

/** `/statusz` and `/flagz` of one component. */
export function componentZPages(options: ComponentZPagesOptions): ComponentZPages {
  const { component, paths, flags, clock, random } = options
  const flagz = flags && flagzPage({ component, flags, random })
  const listed = () => [...paths(), ...(flagz ? [flagz.path] : [])]
  const statusz = statuszPage({ component, paths: listed, clock, random })
  return {
    answer(url, headers) {
      const [path, query] = url.split('?', 2)
      const page = [statusz, flagz].find((candidate) => candidate?.path === path)
      return (
        page &&
        answerZPage(page, {
          accept: headers['accept']?.toString(),
          userAgent: headers['user-agent']?.toString(),
          pretty: new URLSearchParams(query).get('pretty'),
        })
      )
    },
  }
}

import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import { formatTime } from '../../machinery/time.ts'
import { builtVersion, runtimeVersion } from '../kubernetes-version.ts'
import { pickDelimiter } from './delimiter.ts'
import type { ZPage } from './zpage.ts'

export interface StatuszOptions {
  readonly component: string
  /** Every path that the component serves. */
  readonly paths: () => readonly string[]
  readonly clock: Clock
  readonly random: Random
}

/** Of the API, not for finding out what is wrong. */
const otherFolders: ReadonlySet<string> = new Set(['/apis', '/api', '/openid', '/openapi', '/.well-known'])

const binaryVersion = builtVersion.replace(/^v/, '')
const emulationVersion = binaryVersion.split('.', 2).join('.')

/** `/statusz`: since when a component runs, what it is, and where more can be read. */
export function statuszPage({ component, paths, clock, random }: StatuszOptions): ZPage {
  const startedSeconds = Math.floor(clock.now() / 1000 - process.uptime())
  const uptimeSeconds = () => Math.max(0, Math.floor(clock.now() / 1000 - startedSeconds))
  return {
    path: '/statusz',
    kind: 'Statusz',
    component,
    text() {
      const folders = foldersOf(paths())
      const delimiter = pickDelimiter(random)
      const lines = [
        ['Started', unixDate(startedSeconds * 1000)],
        ['Up', hoursMinutesSeconds(uptimeSeconds())],
        ['Go version', runtimeVersion],
        ['Binary version', binaryVersion],
        ['Emulation version', emulationVersion],
        ...(folders.length > 0 ? [['Paths', folders.join(' ')]] : []),
      ]
      const text = lines.map(([name, value]) => `${name}${delimiter} ${value}\n`).join('')
      return folders.length > 0 ? `\n${text}` : `\n${text}\n`
    },
    fields() {
      const folders = foldersOf(paths())
      return {
        startTime: formatTime(startedSeconds * 1000),
        uptimeSeconds: uptimeSeconds(),
        goVersion: runtimeVersion,
        binaryVersion,
        emulationVersion,
        paths: folders.length > 0 ? folders : null,
      }
    },
  }
}

/** The first parts of paths, each once. */
function foldersOf(paths: readonly string[]): readonly string[] {
  const folders = paths
    .filter((path) => /^\/[^/]/.test(path))
    .map((path) => `/${path.split('/', 2)[1]}`)
    .filter((folder) => !otherFolders.has(folder))
  return [...new Set(folders)].sort()
}

/** As Go's time.UnixDate: `Mon Jan  2 15:04:05 UTC 2006`. */
function unixDate(milliseconds: number): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = new Date(milliseconds)
    .toUTCString()
    .split(' ')
  return `${weekday.slice(0, 3)} ${month} ${String(Number(day)).padStart(2)} ${time} UTC ${year}`
}

function hoursMinutesSeconds(seconds: number): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${Math.floor(seconds / 3600)} hr ${two(Math.floor(seconds / 60) % 60)} min ${two(seconds % 60)} sec`
}

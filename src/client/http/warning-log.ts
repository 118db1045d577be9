import type { Logger } from '../../machinery/log.ts'
import { createLruMap } from '../lru-map.ts'

const maxKnownTexts = 1000

/** A warn-value (RFC 7234, 5.5): code, agent and text. */
const warnValue = /(\d{3}) \S+ "((?:[^"\\]|\\.)*)"/g
/** The only code that API servers use. */
const miscellaneous = '299'

/**
 * Logs what an API server warns of: each text once, since most come with every request of a kind. Takes the Warning
 * header of a response. Source: k8s.io/client-go/rest/warnings.go, k8s.io/apimachinery/pkg/util/net (ParseWarningHeaders).
 */
export function createWarningLog(log: Logger): (header: string | undefined) => void {
  const known = createLruMap<true>(maxKnownTexts)
  return (header = '') => {
    for (const [, code, quoted = ''] of header.matchAll(warnValue)) {
      if (code !== miscellaneous || quoted === '' || known.get(quoted)) continue
      known.set(quoted, true)
      // Headers come with one character a byte; the text is in UTF-8.
      const warning = Buffer.from(quoted.replaceAll(/\\(.)/g, '$1'), 'latin1').toString()
      log.warn('the API server warns', { warning })
    }
  }
}

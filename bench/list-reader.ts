import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import { configMaps } from '../src/api/generated/resources.ts'
import { queryString, resourcePath } from '../src/client/http/resource-path.ts'
import type { ReadList } from './load.ts'
import type { Connection } from './processes/api-server-message.ts'

/** More than the longest list has, so that none waits for the reader to say that it has read. Bytes. */
const windowBytes = 16 << 20

/**
 * Reads lists over a connection as load generators do: what comes is counted and dropped. To keep and to parse it would
 * have the many clients of this one process wait for one another, and that is not the server's time.
 */
export function openListReader({ server, caData, certData, keyData }: Connection, namespace: string) {
  const session = connect(server, {
    ca: caData,
    cert: certData,
    key: keyData,
    settings: { initialWindowSize: windowBytes },
  })
  session.once('connect', () => session.setLocalWindowSize(windowBytes))
  const read: ReadList = async (query) => {
    const head = await answerHead(
      session,
      resourcePath(configMaps, { namespace }) + queryString({ ...query }),
    )
    return /"continue":"([^"]+)"/.exec(head)?.[1]
  }
  return { read, close: () => session.close() }
}

/** The first piece of an answer, which has been read to its end. */
async function answerHead(session: ClientHttp2Session, path: string): Promise<string> {
  const stream = session.request({ ':path': path })
  const answered = new Promise<void>((resolve, reject) => {
    stream.once('response', ({ ':status': status }) => {
      if (status !== 200) reject(new Error(`a list was answered ${status}`))
    })
    stream.once('end', resolve).once('error', reject)
  })
  const head = firstPiece(stream)
  await answered
  return (await head).toString('latin1')
}

function firstPiece(stream: ClientHttp2Stream): Promise<Buffer> {
  return new Promise((resolve) => {
    stream.once('data', resolve)
    stream.resume()
  })
}

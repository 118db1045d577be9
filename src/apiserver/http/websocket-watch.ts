import { acceptWebSocket, messageSink, offeredProtocols } from './accept-websocket.ts'
import type { HttpRequest, Upgrade } from './http-exchange.ts'
import { serveWatch, type WatchSession } from './serve-watch.ts'

/** A watch whose events are WebSocket messages, one each: text for JSON, else binary. */
export async function watchOverWebSocket(
  session: WatchSession,
  request: HttpRequest,
  upgrade: Upgrade,
): Promise<void> {
  const webSocket = await acceptWebSocket(request, upgrade, offeredProtocols(request)[0] ?? '')
  // What the client says is of no interest; it must be read to see it close.
  webSocket.resume()
  const isText = session.encoder.contentType === 'application/json'
  await serveWatch(session, messageSink(webSocket, isText ? linesOf : (chunk) => [chunk], isText))
  webSocket.close()
}

/** Several events may come as one chunk, each a line. */
function linesOf(chunk: Buffer): readonly Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < chunk.length;) {
    const end = chunk.indexOf(0x0a, start) + 1 || chunk.length
    lines.push(chunk.subarray(start, end))
    start = end
  }
  return lines
}

import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { answerReview, type Review } from '../../conformance/harness/sample-webhook.ts'

/** The sample webhook as a program in a pod, with a certificate from a mounted secret. */
const certificate = { cert: readFileSync('/certificate/tls.crt'), key: readFileSync('/certificate/tls.key') }
const server = createServer(certificate, async (request, response) => {
  const body = await text(request)
  const answer = body && answerReview(request.url ?? '', JSON.parse(body) as Review)
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(answer ?? {}))
})
server.listen(8443)
process.on('SIGTERM', () => process.exit(0))

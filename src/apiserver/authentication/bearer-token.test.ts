import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Credentials } from './authenticator.ts'
import { createBearerTokenAuthenticator } from './bearer-token.ts'
import { createStaticTokenAuthenticator } from './static-tokens.ts'

const tokens = [createStaticTokenAuthenticator([{ token: 'söcret', user: { name: 'joe', groups: [] } }])]
const { authenticate } = createBearerTokenAuthenticator(() => tokens, ['api'])
const protocol = `base64url.bearer.authorization.k8s.io.${Buffer.from('söcret').toString('base64url')}`

function opening(protocols: string, more: Credentials['headers'] = {}): Credentials {
  return {
    headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': protocols, ...more },
  }
}

describe('createBearerTokenAuthenticator', () => {
  it('tells of a header that has too many spaces, and passes over it', async () => {
    const said: string[] = []
    const warnings = { add: (message: string) => void said.push(message) }
    const user = await authenticate({ headers: { authorization: 'Bearer  söcret' }, warnings })
    assert.equal(user, undefined)
    assert.deepEqual(said, [
      'the provided Authorization header contains extra space before the bearer token, and is ignored',
    ])
  })

  it('takes the token of a WebSocket from its subprotocols', async () => {
    assert.equal((await authenticate(opening(`${protocol}, v5.channel.k8s.io`)))?.name, 'joe')
    assert.equal(await authenticate(opening('v5.channel.k8s.io')), undefined)
    assert.equal(await authenticate(opening(`${protocol}, x`, { upgrade: 'SPDY/3.1' })), undefined)
  })

  const prefix = 'base64url.bearer.authorization.k8s.io.'
  const refused: readonly (readonly [string, string])[] = [
    [`${protocol}, ${protocol}, x`, 'multiple base64.bearer.authorization tokens specified'],
    [`${prefix}a=, x`, 'invalid base64.bearer.authorization token encoding'],
    [`${prefix}_w, x`, 'invalid base64.bearer.authorization token'],
    [protocol, 'missing additional subprotocol'],
    [`${prefix}${btoa('other').replaceAll('=', '')}, x`, 'invalid bearer token'],
  ]
  for (const [protocols, message] of refused) {
    it(`refuses the subprotocols ${protocols}`, () =>
      assert.rejects(authenticate(opening(protocols)), { message }))
  }
})

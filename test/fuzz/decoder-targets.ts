import assert from 'node:assert/strict'
import {
  BodyError,
  decodeJsonBody,
  decodeProtobufBody,
  decodeYamlBody,
  type DecodedBody,
} from '../../src/api/decode-body.ts'
import { encodeProtobuf } from '../../src/api/protobuf/envelope.ts'
import { schemaOf } from '../../src/api/scheme.ts'
import { DerError } from '../../src/machinery/pki/der.ts'
import { parseCertificateRequest } from '../../src/machinery/pki/certificate-request.ts'
import { parseToken } from '../../src/machinery/pki/json-web-token.ts'
import { SpdyError, SpdyFrameDecoder } from '../../src/machinery/streaming/spdy-frames.ts'
import type { FuzzTarget } from './fuzz.ts'
import { expecting, outcomeOf } from './outcome.ts'

const options = {
  strict: true,
  defaultKind: { group: '', version: 'v1', kind: 'Pod' },
  schemaOf,
}

function bodyTarget(
  name: string,
  decode: (input: Uint8Array, by: typeof options) => DecodedBody,
): FuzzTarget {
  return {
    name,
    run: (input) =>
      expecting([BodyError], () => {
        const { object, kind, strictErrors } = decode(input, options)
        // What was understood once is understood the same when it is sent on.
        const again = decodeJsonBody(Buffer.from(JSON.stringify(object)), options)
        assert.deepEqual(again.object, object)
        return `${kind.kind} ${strictErrors.length}`
      }),
  }
}

export const decoderTargets: readonly FuzzTarget[] = [
  bodyTarget('json-body', decodeJsonBody),
  bodyTarget('yaml-body', decodeYamlBody),
  {
    name: 'protobuf-body',
    run: (input) =>
      expecting([BodyError], () => {
        const { object, kind } = decodeProtobufBody(input, options)
        const schema = schemaOf(kind)
        assert.ok(schema)
        const encoded = encodeProtobuf(object, schema)
        assert.deepEqual(decodeProtobufBody(encoded, options).object, object)
        return `${kind.kind} ${Object.keys(object).join()}`
      }),
  },
  {
    name: 'token',
    run(input) {
      const token = parseToken(input.toString())
      return token === undefined ? 'none' : Object.keys(token.claims).join()
    },
  },
  {
    name: 'certificate-request',
    run(input) {
      try {
        return Object.keys(parseCertificateRequest(input.toString()).subject).join()
      } catch (error) {
        // The key and the signature are OpenSSL's to judge: its errors have a code.
        const isExpected =
          error instanceof DerError || (error instanceof Error && error.constructor === Error)
        if (isExpected || (error as { readonly code?: string }).code !== undefined) return outcomeOf(error)
        throw error
      }
    },
  },
  {
    name: 'spdy-frames',
    run: (input) =>
      expecting([SpdyError], () => {
        const decoder = new SpdyFrameDecoder()
        const types: string[] = []
        // In two pieces: what the first leaves unfinished the second ends.
        const half = input.length >> 1
        for (const piece of [input.subarray(0, half), input.subarray(half)]) {
          for (const frame of decoder.decode(piece)) types.push(frame.type)
        }
        return types.join().slice(0, 60)
      }),
  },
]

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ConversionReview } from '../../api/generated/apiextensions.v1.ts'
import type { JsonValue, KubernetesObject } from '../../machinery/meta.ts'
import { convertByWebhook } from './webhook-conversion.ts'

const definition = {
  spec: {
    group: 'example.com',
    names: { kind: 'Widget', plural: 'widgets' },
    scope: 'Namespaced',
    versions: [],
    conversion: { strategy: 'Webhook', webhook: { clientConfig: {}, conversionReviewVersions: ['v1'] } },
  },
} as const

const widget = (metadata: object = {}): KubernetesObject => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name: 'w', namespace: 'default', uid: 'u', ...metadata },
})

/** A conversion to v2 by a webhook that makes of each object what `make` says, over what it should be. */
function converting(make: (object: KubernetesObject) => object) {
  const call = (_target: unknown, body: unknown) => {
    const { apiVersion, kind, request } = body as ConversionReview
    const objects = (request?.objects ?? []) as unknown as readonly KubernetesObject[]
    const convertedObjects = objects.map((object) => ({
      ...object,
      apiVersion: 'example.com/v2',
      ...make(object),
    }))
    const response = { uid: request?.uid, result: { status: 'Success' }, convertedObjects }
    return Promise.resolve({ apiVersion, kind, response } as unknown as JsonValue)
  }
  const convert = convertByWebhook(definition, { call })
  return (...objects: readonly KubernetesObject[]) => convert(objects, 'example.com/v2')
}

describe('convertByWebhook', () => {
  const refused: readonly (readonly [string, (object: KubernetesObject) => object, string])[] = [
    [
      'another version',
      () => ({ apiVersion: 'example.com/v3' }),
      'returned invalid object at index 0: invalid groupVersion (expected example.com/v2, received example.com/v3)',
    ],
    [
      'another kind',
      () => ({ kind: 'Gadget' }),
      'returned invalid object at index 0: invalid kind (expected Widget, received Gadget)',
    ],
    [
      'another name',
      ({ metadata }) => ({ metadata: { ...metadata, name: 'x' } }),
      'returned invalid object: must have the same name: w != x',
    ],
    [
      'labels that are none',
      ({ metadata }) => ({ metadata: { ...metadata, labels: 'abc' } }),
      'returned invalid metadata: invalid metadata.labels of type string in converted object',
    ],
    [
      'a label that is no text',
      ({ metadata }) => ({ metadata: { ...metadata, labels: { a: 1 } } }),
      'returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object',
    ],
  ]
  for (const [what, make, expected] of refused) {
    it(`refuses ${what}`, async () => {
      await assert.rejects(converting(make)(widget()), {
        message: `Internal error occurred: conversion webhook for example.com/v1, Kind=Widget ${expected}`,
      })
    })
  }

  it('says which of several objects is wrong', async () => {
    const make = ({ metadata }: KubernetesObject) =>
      metadata?.name === 'b' ? { metadata: { ...metadata, name: 'x' } } : {}
    await assert.rejects(converting(make)(widget({ name: 'a' }), widget({ name: 'b' })), {
      message: /returned invalid converted object at index 1: must have the same name: b != x$/,
    })
  })

  it('takes labels and annotations, and leaves what was there, right or wrong', async () => {
    const labels = { 'not a label': 'x' }
    const [same] = await converting(() => ({}))(widget({ labels }))
    assert.deepEqual(same?.metadata?.labels, labels)
    const [changed] = await converting(() => ({
      metadata: { ...widget().metadata, labels: { b: 'c' }, annotations: { d: 'e' }, generation: 7 },
    }))(widget({ labels }))
    assert.deepEqual(changed?.metadata, {
      ...widget().metadata,
      labels: { b: 'c' },
      annotations: { d: 'e' },
    })
  })
})

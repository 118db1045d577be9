import type { ObjectSchema, Schema } from '../schema.ts'

/** A kind like Deployment, small, with every sort of list and map: for tests of patches and apply. */

const text: Schema = { type: 'string' }
const integer: Schema = { type: 'integer', format: 'int32' }
const granularMap: Schema = { type: 'map', values: text }

const meta: ObjectSchema = {
  type: 'object',
  fields: {
    name: { schema: text },
    namespace: { schema: text },
    uid: { schema: text },
    resourceVersion: { schema: text },
    generation: { schema: integer },
    creationTimestamp: { schema: { type: 'time' } },
    labels: { schema: granularMap },
    annotations: { schema: granularMap },
    finalizers: { schema: { type: 'list', listType: 'set', items: text } },
    managedFields: { schema: { type: 'list', listType: 'atomic', items: { type: 'any' } } },
  },
}

const port: ObjectSchema = {
  type: 'object',
  fields: {
    name: { schema: text },
    containerPort: { schema: integer, alwaysSerialized: true },
    protocol: { schema: text, default: 'TCP' },
  },
}

const env: ObjectSchema = {
  type: 'object',
  fields: { name: { schema: text, alwaysSerialized: true }, value: { schema: text } },
}

const container: ObjectSchema = {
  type: 'object',
  fields: {
    name: { schema: text, alwaysSerialized: true },
    image: { schema: text },
    args: { schema: { type: 'list', listType: 'atomic', items: text } },
    ports: {
      schema: { type: 'list', listType: 'map', mapKeys: ['containerPort', 'protocol'], items: port },
    },
    env: { schema: { type: 'list', listType: 'map', mapKeys: ['name'], items: env } },
    limits: { schema: { type: 'map', values: { type: 'quantity' } } },
  },
}

export const deploymentSchema: ObjectSchema = {
  type: 'object',
  name: 'test.Deployment',
  fields: {
    apiVersion: { schema: text },
    kind: { schema: text },
    metadata: { schema: meta, alwaysSerialized: true },
    spec: {
      alwaysSerialized: true,
      schema: {
        type: 'object',
        fields: {
          replicas: { schema: integer },
          paused: { schema: { type: 'boolean' } },
          selector: {
            schema: {
              type: 'object',
              structType: 'atomic',
              fields: { matchLabels: { schema: granularMap } },
            },
          },
          nodeSelector: { schema: { type: 'map', mapType: 'atomic', values: text } },
          containers: {
            schema: { type: 'list', listType: 'map', mapKeys: ['name'], items: container },
            alwaysSerialized: true,
          },
          strategy: {
            schema: {
              type: 'object',
              fields: { type: { schema: text }, maxSurge: { schema: { type: 'intOrString' } } },
            },
          },
          anything: { schema: { type: 'any' } },
        },
      },
    },
    status: {
      alwaysSerialized: true,
      schema: { type: 'object', fields: { replicas: { schema: integer }, phase: { schema: text } } },
    },
  },
}

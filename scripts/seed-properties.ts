import { configureGlobal } from 'fast-check'

/** Loaded before tests: the cases of properties are the same in every run, unless K8TS_PROPERTY_SEED says others. */
configureGlobal({ seed: Number(process.env['K8TS_PROPERTY_SEED'] ?? 1) })

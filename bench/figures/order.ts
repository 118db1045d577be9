import type { FigureGroup } from '../figure.ts'
import { withoutContainers } from '../obstacles.ts'
import { measureApi } from './api.ts'
import { measureBinding } from './binding.ts'
import { measureDefinitions } from './definitions.ts'
import { measureDns } from './dns.ts'
import { measureFullNode } from './full-node.ts'
import { measurePods } from './pods.ts'
import { measureRefusals } from './refusals.ts'
import { measureRest } from './rest.ts'
import { measureScale } from './scale.ts'
import { measureScheduler } from './scheduler.ts'
import { measureServices } from './services.ts'
import { measureStart } from './start.ts'
import { measureStore } from './store.ts'
import { measureTesting } from './testing.ts'

/** Everything that `npm run bench` measures, in the table's order. */
export const figureGroups: readonly FigureGroup[] = [
  { name: 'store', measure: measureStore },
  { name: 'api', measure: measureApi },
  { name: 'refusals', measure: measureRefusals },
  { name: 'start', obstacle: withoutContainers, measure: measureStart },
  { name: 'definitions', measure: measureDefinitions },
  { name: 'rest', obstacle: withoutContainers, measure: measureRest },
  { name: 'pods', obstacle: withoutContainers, measure: measurePods },
  { name: 'full-node', obstacle: withoutContainers, measure: measureFullNode },
  { name: 'testing', measure: measureTesting },
  { name: 'scheduler', measure: measureScheduler },
  { name: 'binding', measure: measureBinding },
  { name: 'scale', measure: measureScale },
  { name: 'services', obstacle: withoutContainers, measure: measureServices },
  { name: 'dns', measure: measureDns },
]

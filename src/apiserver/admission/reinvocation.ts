import { writableCopy } from '../../machinery/copy.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { AdmissionRequest, MutationRound } from './plugin.ts'

/**
 * What a plugin that asks several mutators keeps from the first round for the second: those that want to be asked again
 * when the object changes after them, and those after which it has changed. Mutators are known by their keys.
 * Source: k8s.io/apiserver/pkg/admission/plugin/webhook/mutating/reinvocationcontext.go, and the same of policies.
 */
export class Reinvocation {
  readonly #round: MutationRound
  readonly #memory: Memory

  private constructor(round: MutationRound, memory: Memory) {
    this.#round = round
    this.#memory = memory
  }

  /** Begins the turn of a plugin in a round. */
  static begin(plugin: string, round: MutationRound, request: AdmissionRequest): Reinvocation {
    let memory = round.memory.get(plugin) as Memory | undefined
    if (!memory) {
      memory = { lastOutput: undefined, invoked: new Set(), wanted: new Set() }
      round.memory.set(plugin, memory)
    }
    const reinvocation = new Reinvocation(round, memory)
    if (round.isReinvocation && !jsonEqual(memory.lastOutput, request.object)) reinvocation.#wantAll()
    return reinvocation
  }

  /** Whether a mutator has a turn. Nobody is asked for the first time in the second round. */
  includes(key: string): boolean {
    return !this.#round.isReinvocation || this.#memory.wanted.has(key)
  }

  /** A mutator has been asked, and may want to be asked again. */
  invoked(key: string, policy: 'Never' | 'IfNeeded' | undefined): void {
    if (policy === 'IfNeeded') this.#memory.invoked.add(key)
  }

  /** Asks for a second round, in which those have a turn that were asked before. */
  changed(): void {
    this.#wantAll()
    this.#round.reinvoke()
  }

  /** Ends the turn: what other plugins change after it counts in the second round. */
  end(request: AdmissionRequest): void {
    this.#memory.lastOutput = request.object && writableCopy<KubernetesObject>(request.object)
  }

  #wantAll(): void {
    const { invoked, wanted } = this.#memory
    for (const key of invoked) wanted.add(key)
    invoked.clear()
  }
}

interface Memory {
  lastOutput: KubernetesObject | undefined
  readonly invoked: Set<string>
  readonly wanted: Set<string>
}

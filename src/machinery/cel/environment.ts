import type { CelCompilation, CelCompileOptions, CelEnvironment, CelEnvironmentOptions } from './cel.ts'
import { check } from './check/checker.ts'
import type { CheckScope } from './check/scope.ts'
import type { CelDeclaration } from './declaration.ts'
import { jsonPatchLibrary } from './library/json-patch.ts'
import type { Library } from './library/function.ts'
import { functionsOf, kubernetesLibraries } from './library/libraries.ts'
import { mutationType } from './library/mutation.ts'
import { CompiledProgram } from './program.ts'
import { standardType } from './standard-types.ts'
import { bindMacros, macrosOf, type Macros } from './syntax/macros.ts'
import { parse } from './syntax/parser.ts'
import { formatType, isSameType, type CelType } from './types.ts'
import { validateLiterals } from './check/literals.ts'

/** What `compatibilityMinor` is without one. */
const currentMinor = 36

/** Kubernetes' environment with these variables: see cel.ts. */
export function createCelEnvironment(options: CelEnvironmentOptions): CelEnvironment {
  const { variables, compatibilityMinor = currentMinor } = options
  return new Environment(languageOf(compatibilityMinor, options), new Map(Object.entries(variables)))
}

/** Everything about an environment but its variables; the same for many. */
export interface Language {
  readonly macros: Macros
  readonly functions: CheckScope['functions']
  readonly typeNamed: (name: string) => CelType | undefined
  readonly container: string
  /** Whether what the checker finds wrong stops compilation; else it fails when it is evaluated. */
  readonly strict: boolean
  readonly constants?: NonNullable<CheckScope['constants']>
  /** Upstream folds constants. */
  readonly foldConstants: boolean
  /** Literals that cannot be (a duration, a time, a pattern), or mix types, are issues. */
  readonly validatesLiterals: boolean
}

/** Source: cel-go, ext.Bindings. */
export const bindLibrary: Library = { since: 0, functions: [], macros: bindMacros }

const languages = new Map<string, Language>()

function languageOf(
  minor: number,
  { mutation = false, binds = false }: Pick<CelEnvironmentOptions, 'mutation' | 'binds'>,
): Language {
  const key = `${minor} ${mutation} ${binds}`
  const known = languages.get(key)
  if (known) return known
  const libraries = [
    ...kubernetesLibraries.filter(({ since }) => since <= minor),
    ...(mutation ? [jsonPatchLibrary] : []),
    ...(binds ? [bindLibrary] : []),
  ]
  const language = createLanguage(libraries, {
    ...(mutation && { typeNamed: mutationType }),
    validatesLiterals: minor >= 29,
  })
  languages.set(key, language)
  return language
}

/** A language of these libraries. */
export function createLanguage(libraries: readonly Library[], options: Partial<Language> = {}): Language {
  const types = new Map<string, CelType>()
  for (const type of libraries.flatMap((library) => library.types ?? [])) {
    if ('name' in type) types.set(type.name, type)
  }
  return {
    macros: macrosOf(libraries.flatMap((library) => library.macros ?? [])),
    functions: functionsOf(libraries),
    container: '',
    strict: true,
    foldConstants: true,
    validatesLiterals: true,
    ...options,
    typeNamed: (name) => standardType(name) ?? types.get(name) ?? options.typeNamed?.(name),
  }
}

export class Environment implements CelEnvironment {
  readonly #language: Language
  readonly #variables: ReadonlyMap<string, CelDeclaration>

  constructor(language: Language, variables: ReadonlyMap<string, CelDeclaration>) {
    this.#language = language
    this.#variables = variables
  }

  extend(variables: Readonly<Record<string, CelDeclaration>>): CelEnvironment {
    return new Environment(this.#language, new Map([...this.#variables, ...Object.entries(variables)]))
  }

  compile(text: string, { outputTypes = [] }: CelCompileOptions = {}): CelCompilation {
    const { macros, validatesLiterals } = this.#language
    const { source, expression, issues } = parse(text, { macros })
    if (!expression) return { ok: false, reason: 'issues', issues, text: source.format(issues) }
    const scope = { ...this.#language, variables: this.#variables }
    const found = check(expression, source, scope)
    const wrong = this.#language.strict ? found : []
    const invalid = wrong.length > 0 || !validatesLiterals ? wrong : validateLiterals(expression, source)
    if (invalid.length > 0)
      return { ok: false, reason: 'issues', issues: invalid, text: source.format(invalid) }
    const outputType = expression.type!
    if (
      outputTypes.length > 0 &&
      !outputTypes.some((type) => type.kind === 'any' || isSameType(type, outputType))
    ) {
      return { ok: false, reason: 'outputType', outputType, text: mismatchText(outputTypes, outputType) }
    }
    return { ok: true, program: new CompiledProgram(text, expression, scope) }
  }
}

function mismatchText(expected: readonly CelType[], found: CelType): string {
  const names = expected.map(typeName).join(' ')
  return `must evaluate to ${expected.length === 1 ? names : `one of [${names}]`} but got ${typeName(found)}`
}

/** Here null is called as it is declared, unlike in other messages. */
function typeName(type: CelType): string {
  return type.kind === 'null' ? 'null_type' : formatType(type)
}

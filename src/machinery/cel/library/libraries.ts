import { authorizationLibrary, authorizationSelectorsLibrary } from './authorization.ts'
import { formatLibrary } from './format.ts'
import type { FunctionOverload, Library } from './function.ts'
import { extendedListsLibrary, listsLibrary, setsLibrary, twoVariableLibrary } from './lists.ts'
import { cidrLibrary, ipLibrary } from './network.ts'
import { optionalLibrary } from './optionals.ts'
import { quantityLibrary } from './quantity.ts'
import { regexLibrary } from './regex-functions.ts'
import { semverLibrary } from './semver.ts'
import { standardLibrary } from './standard.ts'
import { stringFormatLibrary, stringsLibrary } from './strings.ts'
import { urlLibrary } from './url.ts'

/** Kubernetes' environment, in its order. Source: k8s.io/apiserver/pkg/cel/environment/base.go. */
export const kubernetesLibraries: readonly Library[] = [
  standardLibrary,
  urlLibrary,
  regexLibrary,
  listsLibrary,
  authorizationLibrary,
  optionalLibrary,
  quantityLibrary,
  stringsLibrary,
  stringFormatLibrary,
  setsLibrary,
  ipLibrary,
  cidrLibrary,
  formatLibrary,
  authorizationSelectorsLibrary,
  twoVariableLibrary,
  semverLibrary,
  extendedListsLibrary,
]

/** The overloads of each function. */
export function functionsOf(libraries: readonly Library[]): ReadonlyMap<string, readonly FunctionOverload[]> {
  const functions = new Map<string, FunctionOverload[]>()
  for (const overload of libraries.flatMap((library) => library.functions)) {
    const overloads = functions.get(overload.name)
    if (overloads) overloads.push(overload)
    else functions.set(overload.name, [overload])
  }
  return functions
}

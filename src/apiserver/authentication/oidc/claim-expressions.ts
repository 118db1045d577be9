import type { CelProgram } from '../../../machinery/cel/cel.ts'
import { listDeclaration, objectDeclaration, stringDeclaration } from '../../../machinery/cel/declaration.ts'
import { createCelEnvironment } from '../../../machinery/cel/environment.ts'
import { boolType } from '../../../machinery/cel/types.ts'
import { claimsDeclaration, userExtraDeclaration } from './claim-values.ts'

const user = objectDeclaration('kubernetes.UserInfo', {
  extra: userExtraDeclaration,
  groups: listDeclaration(stringDeclaration),
  uid: stringDeclaration,
  username: stringDeclaration,
})

const environments = {
  claims: createCelEnvironment({ variables: { claims: claimsDeclaration } }),
  user: createCelEnvironment({ variables: { user } }),
}

/** What an expression reads, and so which of both variables it has. */
export type ExpressionScope = keyof typeof environments

/** A compiled expression, or why it is none. Rules must yield a bool, mappings may yield anything. */
export function compileExpression(
  scope: ExpressionScope,
  purpose: 'rule' | 'mapping',
  expression: string,
): CelProgram | string {
  const compilation = environments[scope].compile(
    expression,
    purpose === 'rule' ? { outputTypes: [boolType] } : {},
  )
  if (compilation.ok) return compilation.program
  return compilation.reason === 'issues' ? `compilation failed: ${compilation.text}` : 'must evaluate to bool'
}

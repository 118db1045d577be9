import type { Authorizer } from './authorizer.ts'
import { allowed, noOpinion } from './decisions.ts'

/** Allows the members of a group everything, whatever rules there are: nobody can lock the cluster's masters out. */
export function createPrivilegedGroupAuthorizer(group: string): Authorizer {
  return {
    name: 'privileged-group',
    isLocal: true,
    authorize: ({ user }) => (user.groups.includes(group) ? allowed : noOpinion),
  }
}

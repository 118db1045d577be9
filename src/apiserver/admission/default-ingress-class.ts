import { ingressClasses, ingresses } from '../../api/generated/resources.ts'
import type { Objects } from '../objects.ts'
import { newestDefault } from '../../api/newest-default.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { isAbout, objectOf } from './request-matching.ts'

const classAnnotation = 'kubernetes.io/ingress.class'
const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class'

/**
 * An ingress that names no class gets the default one, if there is one.
 * Source: kubernetes/plugin/pkg/admission/network/defaultingressclass.
 */
export function createDefaultIngressClass(objects: Objects): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: (request) => isAbout(request, ingresses, ['CREATE']),
    mutate(request) {
      const ingress = objectOf(request, ingresses)
      if (ingress.spec?.ingressClassName !== undefined) return
      if (ingress.metadata?.annotations?.[classAnnotation] !== undefined) return
      const name = newestDefault(objects.list(ingressClasses), [defaultAnnotation])?.metadata?.name
      if (name) (ingress.spec ??= {}).ingressClassName = name
    },
  }
}

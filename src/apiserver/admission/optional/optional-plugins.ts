import type { PostJson } from '../../webhook/post-json.ts'
import type { AdmissionContext } from '../order.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { alwaysAdmit, alwaysDeny } from './always.ts'
import { alwaysPullImages } from './always-pull-images.ts'
import { denyServiceExternalIps } from './deny-service-external-ips.ts'
import { createEventRateLimit, readEventRateLimits } from './event-rate-limit.ts'
import { extendedResourceToleration } from './extended-resource-toleration.ts'
import { createImagePolicyWebhook, readImagePolicy } from './image-policy-webhook.ts'
import { limitPodHardAntiAffinityTopology } from './limit-pod-hard-anti-affinity-topology.ts'
import { createNamespaceAutoProvision, createNamespaceExists } from './namespaces.ts'
import { createOwnerReferencesPermissionEnforcement } from './owner-references-permission-enforcement.ts'
import { createPodNodeSelector, readNodeSelectors } from './pod-node-selector.ts'
import { createPodTolerationRestriction, readTolerationRestriction } from './pod-toleration-restriction.ts'

/** How plugins that are off by default are made, with the content of their files. */
export type OptionalPlugins = Readonly<
  Record<string, (context: AdmissionContext, content: string | undefined) => AdmissionPlugin>
>

/** Connects to the server that a kubeconfig names. */
export type Connect = (kubeConfigFile: string) => PostJson

/** Those there are. What is read is read as a plugin is made: an Error says what is wrong with it. */
export function optionalPlugins(connect: Connect): OptionalPlugins {
  return {
    AlwaysAdmit: () => alwaysAdmit,
    NamespaceAutoProvision: ({ objects }) => createNamespaceAutoProvision(objects),
    NamespaceExists: ({ objects }) => createNamespaceExists(objects),
    LimitPodHardAntiAffinityTopology: () => limitPodHardAntiAffinityTopology,
    AlwaysPullImages: () => alwaysPullImages,
    ImagePolicyWebhook({ clock, random }, content) {
      if (content === undefined) throw new Error('no config specified')
      const { kubeConfigFile, ...settings } = readImagePolicy(content)
      return createImagePolicyWebhook({ ...settings, post: connect(kubeConfigFile), clock, random })
    },
    PodNodeSelector: ({ objects }, content) =>
      createPodNodeSelector(objects, content === undefined ? {} : readNodeSelectors(content)),
    PodTolerationRestriction: ({ objects }, content) =>
      createPodTolerationRestriction(
        objects,
        content === undefined ? {} : readTolerationRestriction(content),
      ),
    EventRateLimit({ clock }, content) {
      if (content === undefined) throw new Error('limits: Invalid value: null: must not be empty')
      return createEventRateLimit(readEventRateLimits(content), clock)
    },
    ExtendedResourceToleration: () => extendedResourceToleration,
    OwnerReferencesPermissionEnforcement: ({ authorizer, servedKind }) =>
      createOwnerReferencesPermissionEnforcement(authorizer, servedKind),
    DenyServiceExternalIPs: () => denyServiceExternalIps,
    AlwaysDeny: () => alwaysDeny,
  }
}

import type { FieldError } from '../machinery/field-error.ts'
import type { JsonValue, KubernetesObject, Writable } from '../machinery/meta.ts'
import type { Resource } from '../machinery/resource.ts'
import type { ObjectSchema } from '../machinery/schema.ts'
import type { NameRuleName } from '../machinery/validation/object-meta.ts'

/**
 * All that the API server needs to serve one built-in resource, beside the facts in the generated table. One file per
 * kind exports one; registry.ts lists them all. Custom resources get one made from their CustomResourceDefinition, so
 * there is one pipeline.
 */
export interface ResourceDefinition<T extends KubernetesObject = KubernetesObject> {
  /** The version that is stored and that the strategy sees. */
  readonly resource: Resource<T>
  /** Made from a CustomResourceDefinition. */
  readonly isCustom?: boolean
  /** Of custom resources; that of built-in ones is found by their kind. Not looked at before it is needed. */
  readonly schema?: ObjectSchema
  /** What a custom resource's schema was made from, for OpenAPI. */
  readonly publishedSchema?: PublishedSchema
  readonly singular: string
  /** `PodList`; the kind followed by `List` when absent. */
  readonly listKind?: string
  readonly shortNames?: readonly string[]
  /** `all` puts it into `kubectl get all`. */
  readonly categories?: readonly string[]
  /** A warning to whoever uses it: `v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice`. */
  readonly deprecation?: string
  /** Other versions and groups under which the same objects are served. */
  readonly alsoServedAs?: readonly Conversion<T>[]
  /** Of custom resources: versions that nobody is served, but that managed fields may still be in. */
  readonly notServedAs?: readonly Conversion<T>[]
  /** Only these verbs (`create` for reviews); all of them when absent. */
  readonly verbs?: readonly string[]
  readonly strategy: Strategy<T>
  /** `kubectl get`: what Table responses hold, after upstream's printers. */
  readonly columns?: readonly Column<T>[]
  /** Field labels for field selectors beside metadata.name and metadata.namespace, each with its value. */
  selectableFields?(object: T): Readonly<Record<string, string>>
  /**
   * A field, wherever it stands, whose objects make up most of an object as JSON, and that few readers want. It stands
   * nowhere in metadata, and the defaults of what stands beside it do not depend on its content.
   */
  readonly bulkyField?: string
  /** Seconds after which a stored object expires (events). */
  readonly ttlSeconds?: number
  /** The stored version is no version to clients. */
  readonly isStoredVersionHidden?: boolean
  /** Of custom resources that somebody else converts: objects may stand in the store in other versions. */
  convertStored?(
    objects: readonly KubernetesObject[],
    apiVersion: string,
  ): Promise<readonly KubernetesObject[]>
  /** Of custom resources: the labels of the stored version's selectable fields. */
  readonly selectableLabels?: readonly string[]
  /** As in Conversion, where the stored version does not have all labels of `selectableFields`. */
  readonly fieldLabels?: Readonly<Record<string, string>>
  /** Of custom resources: what stands in the store, as the schema has it now. Returns a fresh object. */
  normalize?(object: KubernetesObject): Writable<KubernetesObject>
  /** Loads what writing takes and reading does not; awaited before each write. */
  loadWrites?(): Promise<void>
}

/** `spec.versions[].schema.openAPIV3Schema` of a definition. Most are large, and never asked for. */
export interface PublishedSchema {
  /** Another for another schema; the same on every server. */
  id(): string
  /** Undefined where the definition has none. */
  read(): JsonValue | undefined
}

export interface Conversion<
  Stored extends KubernetesObject,
  Served extends KubernetesObject = KubernetesObject,
> {
  readonly resource: Resource<Served>
  /** Of custom resources, as in ResourceDefinition. */
  readonly schema?: ObjectSchema
  readonly publishedSchema?: PublishedSchema
  /** Field labels of this version with those of the stored one that they mean; the stored one's when absent. */
  readonly fieldLabels?: Readonly<Record<string, string>>
  /** As in ResourceDefinition, of this version. */
  readonly deprecation?: string
  fromStored(object: Stored): Served
  toStored(object: Served): Stored
  /**
   * Where converting takes a request to somebody else: many objects at once, whatever version they are of, to the
   * apiVersion. In place of the two above.
   */
  convert?(objects: readonly KubernetesObject[], apiVersion: string): Promise<readonly KubernetesObject[]>
  /** What those who create it in this version may not say, beside what the strategy refuses; in the stored version. */
  validateNew?(object: Stored): readonly FieldError[]
  /** Of custom resources, whose versions each have rules of their own: writes are handled in this version. */
  readonly own?: VersionRules<Served>
}

/** What a version of a custom resource says for itself; of the stored version this stands in the definition. */
export interface VersionRules<T extends KubernetesObject = KubernetesObject> {
  readonly strategy: Strategy<T>
  readonly columns?: readonly Column<T>[] | undefined
  /** Field labels of this version. */
  readonly selectableLabels?: readonly string[]
  readonly deprecation?: string
}

/**
 * What differs between kinds on the one way every write takes: decode, default, prepare, admit, validate, store. The
 * registry does what is the same for all: metadata, uid, generation (raised exactly when spec changes), keeping `status`
 * out of ordinary writes and everything else out of status writes, finalizers, managed fields, dry run.
 * Objects handed over as Writable are fresh: nobody else holds them.
 */
export interface Strategy<T extends KubernetesObject = KubernetesObject> {
  /**
   * Defaults that the table cannot say as constants. Runs on every decoded object. Idempotent. `nowMs`: milliseconds since
   * the epoch, given where the object comes with a request.
   */
  defaults?(object: Writable<T>, nowMs?: number): void
  /** Clears or sets what clients may not choose. Status is already removed for kinds that have the subresource. */
  prepareForCreate?(object: Writable<T>, by: Creation): void
  prepareForUpdate?(object: Writable<T>, previous: T): void
  /** Imports what validating this object takes and most clusters do without. Before `validate` and `validateUpdate`. */
  load?(object: T): Promise<void> | undefined
  /** Everything but metadata, which the registry validates. */
  validate?(object: T): readonly FieldError[]
  /** Immutable fields and allowed transitions; `validate` has run too unless it says otherwise in `validatesUpdateAlone`. */
  validateUpdate?(object: T, previous: T): readonly FieldError[]
  /** Kinds whose update validation is not create's plus more (pods). */
  readonly validatesUpdateAlone?: boolean
  /** Warning headers for what is deprecated or probably a mistake. */
  warnings?(object: T, previous?: T): readonly string[]
  /** `dns1123Subdomain` when absent. */
  readonly nameRule?: NameRuleName
  /** PUT to a name that does not exist creates it (upstream: few kinds, for example Lease, Event, Endpoints). */
  readonly allowCreateOnUpdate?: boolean
  /** PUT without resourceVersion is refused when false (upstream: a few kinds). Default true. */
  readonly allowUnconditionalUpdate?: boolean
  /** metadata.generation is kept when true. Default: whether the schema has `spec`, or there is `raisesGeneration`. */
  readonly tracksGeneration?: boolean
  /** Whether an update raises metadata.generation. Default: whether the spec changes. */
  raisesGeneration?(object: T, previous: T): boolean
  /** Present exactly when the kind has a `status` subresource. */
  readonly status?: {
    /** Whoever creates an object may say its status too (nodes: kubelets register with it). */
    readonly isSetOnCreate?: boolean
    /**
     * What of the metadata, beside the owners, a write of the status leaves as it was; `all`: what clients may say of it.
     * Default: nothing. Source: ResetObjectMetaForStatus of k8s.io/apimachinery/pkg/apis/meta/v1.
     */
    readonly keptMetadata?: 'all' | 'labels'
    prepareForUpdate?(object: Writable<T>, previous: T): void
    validateUpdate?(object: T, previous: T): readonly FieldError[]
  }
  /** Present when the kind has a `scale` subresource. */
  readonly scale?: {
    /** Fields that lead to the replicas. Default `spec`, `replicas`. */
    readonly path?: readonly string[]
    replicas(object: T): number
    /** Whether there is a number of replicas at all. Default: there is. */
    isSet?(object: T): boolean
    withReplicas(object: Writable<T>, replicas: number): void
    statusReplicas(object: T): number
    /** In string form, as ScaleStatus.selector. */
    selector(object: T): string
  }
  /**
   * Graceful deletion (pods): the grace period in seconds for deleting `object`, 0 for at once. `requested` is the
   * client's gracePeriodSeconds.
   */
  graceSeconds?(object: T, requested: number | undefined): number
  /** Which propagation a DELETE means that names none. Default background. */
  readonly defaultPropagation?: 'Background' | 'Orphan' | 'Foreground'
}

/** Who creates an object, and how they are told what was made of it. */
export interface Creation {
  readonly user: Requester
  warn(text: string): void
}

/** Who makes a request, for the few kinds that say it (CertificateSigningRequest). */
export interface Requester {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export interface Column<T extends KubernetesObject = KubernetesObject> {
  /** As upstream's header: `Name`, `Ready`. */
  readonly name: string
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date'
  readonly format?: string
  readonly description: string
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority?: number
  cell(object: T, now: number): string | number | bigint | boolean | null
}

import { jsonEqual } from '../../machinery/equal.ts'
import type { CustomResourceDefinitionVersion } from '../generated/apiextensions.v1.ts'
import { internalList } from '../internal-form.ts'

/** What all versions of a definition say alike. */
export interface SharedParts {
  readonly schema: boolean
  readonly subresources: boolean
  readonly columns: boolean
  readonly selectableFields: boolean
}

/**
 * Upstream validates definitions in a form in which what all versions say alike stands once, in the spec; the fields that
 * its faults name are those of that form (`spec.validation.openAPIV3Schema` of a definition with one version).
 * Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1/conversion.go.
 */
export function sharedParts(versions: readonly CustomResourceDefinitionVersion[]): SharedParts {
  const isShared = (part: (version: CustomResourceDefinitionVersion) => unknown) =>
    versions.every((version) => jsonEqual(part(version), part(versions[0]!)))
  return {
    schema: isShared(({ schema }) => schema),
    subresources: isShared(({ subresources }) => subresources),
    columns: isShared(({ additionalPrinterColumns }) => additionalPrinterColumns ?? []),
    selectableFields: isShared(({ selectableFields }) => selectableFields ?? []),
  }
}

/**
 * The versions as messages show them: without what stands in the spec. Schemas that differ are shown as they are served,
 * since nobody reads them there.
 */
export function printedVersions(versions: readonly CustomResourceDefinitionVersion[]): readonly object[] {
  const shared = sharedParts(versions)
  return versions.map((version) => ({
    Name: version.name,
    Served: version.served,
    Storage: version.storage,
    Deprecated: version.deprecated ?? false,
    DeprecationWarning: version.deprecationWarning ?? null,
    Schema: shared.schema ? null : { OpenAPIV3Schema: version.schema?.openAPIV3Schema ?? null },
    Subresources: shared.subresources ? null : (version.subresources ?? null),
    AdditionalPrinterColumns: shared.columns
      ? null
      : internalList('apiextensions.v1.CustomResourceColumnDefinition', version.additionalPrinterColumns),
    SelectableFields: shared.selectableFields
      ? null
      : internalList('apiextensions.v1.SelectableField', version.selectableFields),
  }))
}

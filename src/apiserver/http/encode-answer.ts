import { sealProtobuf } from '../../api/protobuf/envelope.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { badRequest } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import type { Answer } from '../registry/request.ts'
import type { ServedResource } from '../registry/served-resource.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import type { ListPage } from '../storage/list-page.ts'
import { partialObject, renderTable, type IncludeObject, type TableOptions } from '../tables/table.ts'
import { encodeJsonList, encodeProtobufListOf, listMetaOf, listObject } from './encode-list.ts'
import type { HttpReply, HttpRequest } from './http-exchange.ts'
import type { View, WantedForm } from './negotiate.ts'
import { bytesReply, objectReply, piecesReply } from './reply.ts'

type Finished = Exclude<Answer, { type: 'watch' | 'events' }>

/** The reply that carries an answer in the form asked for. `now` in milliseconds. */
export async function answerReply(
  request: HttpRequest,
  answer: Finished,
  form: WantedForm,
  now: number,
): Promise<HttpReply> {
  const { view } = form
  // What is not of the resource's kind, a Status above all, stays what it is.
  if (view && answer.as) {
    return objectReply(request, codeOf(answer), viewOf(request, answer, answer.as, view, now), form)
  }
  if (answer.type === 'object') {
    return objectReply(request, answer.code, answer.object, form)
  }
  if (answer.type === 'list') return listReply(request, answer.page, answer.as, form)
  return storedReply(request, answer, form)
}

function codeOf(answer: Finished): number {
  return answer.type === 'list' ? 200 : answer.code
}

async function storedReply(
  request: HttpRequest,
  { code, stored, as }: Finished & { type: 'stored' },
  form: WantedForm,
): Promise<HttpReply> {
  const headers = { 'content-type': form.mediaType }
  if (form.mediaType === 'application/vnd.kubernetes.protobuf') {
    const kind = { kind: as.resource.kind, apiVersion: as.apiVersion }
    return bytesReply(request, code, headers, sealProtobuf(kind, as.protobuf(stored)))
  }
  if (form.mediaType === 'application/json' && !form.pretty && as.sendsStored) {
    return bytesReply(request, code, headers, stored.encodeLine())
  }
  return objectReply(request, code, as.show(stored), form)
}

async function listReply(
  request: HttpRequest,
  page: ListPage,
  as: ServedResource,
  form: WantedForm,
): Promise<HttpReply> {
  const headers = { 'content-type': form.mediaType }
  if (form.mediaType === 'application/vnd.kubernetes.protobuf') {
    return bytesReply(request, 200, headers, encodeProtobufListOf(as, page))
  }
  if (form.mediaType === 'application/json' && !form.pretty) {
    return piecesReply(request, 200, headers, encodeJsonList(as, page))
  }
  return objectReply(request, 200, listObject(as, page), form)
}

function viewOf(
  request: HttpRequest,
  answer: Finished,
  as: ServedResource,
  view: View,
  now: number,
): KubernetesObject {
  const objects = objectsOf(answer, as)
  const isList = answer.type === 'list'
  if (view.kind === 'Table') {
    const metadata = isList
      ? listMetaOf(answer.page)
      : { resourceVersion: objects[0]?.metadata?.resourceVersion ?? '' }
    return renderTable(as, objects, metadata, tableOptions(request, view, now))
  }
  if (view.kind === 'PartialObjectMetadataList') {
    if (!isList)
      throw notThisView(`you requested PartialObjectMetadataList, but the requested object is not a list`)
    const items = objects.map(({ metadata }) => partialObject(metadata, view.version))
    const apiVersion = `meta.k8s.io/${view.version}`
    const list = { kind: view.kind, apiVersion, metadata: listMetaOf(answer.page), items }
    return list
  }
  if (isList) throw notThisView(`you requested PartialObjectMetadata, but the requested object is a list`)
  return partialObject(objects[0]?.metadata, view.version)
}

/** As the working version has them, by which columns are made. */
function objectsOf(answer: Finished, as: ServedResource): readonly KubernetesObject[] {
  const working = (stored: StoredObject) => (as.isCustom ? as.show(stored) : stored.object)
  switch (answer.type) {
    case 'list':
      return answer.page.items.map(working)
    case 'stored':
      return [working(answer.stored)]
    case 'object':
      return [answer.object]
  }
}

export function tableOptions(request: HttpRequest, view: View, now: number): TableOptions {
  const includeObject = request.query.get('includeObject') || 'Metadata'
  if (!isIncludeObject(includeObject)) {
    throw badRequest(
      'Unable to convert to Table as requested: includeObject: Invalid value: ' +
        `${JSON.stringify(includeObject)}: must be 'Metadata', 'Object', 'None', or empty`,
    )
  }
  return { includeObject, version: view.version, now }
}

function isIncludeObject(text: string): text is IncludeObject {
  return text === 'None' || text === 'Metadata' || text === 'Object'
}

function notThisView(message: string): StatusError {
  return new StatusError(406, 'NotAcceptable', message)
}

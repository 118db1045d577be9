import { encodeProtobuf, sealProtobuf } from '../../api/protobuf/envelope.ts'
import { encodeWatchFrame } from '../../api/protobuf/watch-frame.ts'
import { schemaOf } from '../../api/scheme.ts'
import { goJson } from '../../machinery/go-json.ts'
import type { KubernetesObject, ObjectMeta, WatchEventType } from '../../machinery/meta.ts'
import { notAcceptable } from '../../machinery/status-errors.ts'
import type { ServedResource } from '../registry/served-resource.ts'
import type { BookmarkEvent, ObjectEvent, WatchedEvent } from '../storage/cache-event.ts'
import { partialObject, renderBookmarkTable, renderTable, type TableOptions } from '../tables/table.ts'
import type { WantedForm } from './negotiate.ts'
import { kindOf } from './serialize.ts'

/** Turns the events of one watch into what is sent, each a frame of its own. */
export interface WatchEncoder {
  readonly contentType: string
  encode(event: WatchedEvent): Buffer
}

/** Throws 406 for forms that cannot be streamed. */
export function watchEncoder(as: ServedResource, form: WantedForm, table: () => TableOptions): WatchEncoder {
  const show = shownObjects(as, form, table)
  switch (form.mediaType) {
    case 'application/json':
      return form.view || !as.sendsStored ? jsonEncoder(show) : storedJsonEncoder(as)
    case 'application/vnd.kubernetes.protobuf':
      return protobufEncoder(as, form, show)
    case 'application/yaml':
      throw notAcceptable([
        'application/json;stream=watch',
        'application/vnd.kubernetes.protobuf;stream=watch',
      ])
  }
}

/** Source: k8s.io/apimachinery/pkg/apis/meta/v1, InitialEventsAnnotationKey. */
const initialEventsEnd = { 'k8s.io/initial-events-end': 'true' }

type ShowEvent = (event: ObjectEvent | BookmarkEvent) => KubernetesObject

function shownObjects(as: ServedResource, form: WantedForm, table: () => TableOptions): ShowEvent {
  const { view } = form
  if (!view) return (event) => (event.type === 'BOOKMARK' ? bookmark(as, event) : as.show(event.stored))
  if (view.kind !== 'Table') {
    return (event) =>
      partialObject(event.type === 'BOOKMARK' ? bookmarkMeta(event) : event.object.metadata, view.version)
  }
  let needsHeaders = true
  return (event) => {
    const headers = needsHeaders
    needsHeaders = false
    const options = table()
    if (event.type === 'BOOKMARK') {
      return renderBookmarkTable(as, bookmarkMeta(event), options, headers)
    }
    const { resourceVersion } = event.stored
    const object = as.isCustom ? as.show(event.stored) : event.stored.object
    return renderTable(as, [object], { resourceVersion }, options, headers)
  }
}

function bookmark(as: ServedResource, event: BookmarkEvent): KubernetesObject {
  return { kind: as.resource.kind, apiVersion: as.apiVersion, metadata: bookmarkMeta(event) }
}

function bookmarkMeta(event: BookmarkEvent): ObjectMeta {
  return {
    resourceVersion: event.resourceVersion,
    ...(event.initialEventsEnd && { annotations: initialEventsEnd }),
  }
}

/** The usual case: frames made of stored bytes, shared by all watches. */
function storedJsonEncoder(as: ServedResource): WatchEncoder {
  return {
    contentType: 'application/json',
    encode(event) {
      switch (event.type) {
        case 'BOOKMARK':
          return jsonFrame(event.type, bookmark(as, event))
        case 'ERROR':
          return jsonFrame(event.type, event.status)
        default:
          return event.frame
      }
    },
  }
}

function jsonEncoder(show: ShowEvent): WatchEncoder {
  return {
    contentType: 'application/json',
    encode: (event) => jsonFrame(event.type, event.type === 'ERROR' ? event.status : show(event)),
  }
}

function jsonFrame(type: WatchEventType, object: KubernetesObject): Buffer {
  return Buffer.from(`{"type":"${type}","object":${goJson(object)}}\n`)
}

function protobufEncoder(as: ServedResource, form: WantedForm, show: ShowEvent): WatchEncoder {
  const kind = { kind: as.resource.kind, apiVersion: as.apiVersion }
  const sealed = (object: KubernetesObject) => {
    return encodeProtobuf(object, form.view ? schemaOf(kindOf(object))! : as.schema)
  }
  return {
    contentType: 'application/vnd.kubernetes.protobuf;stream=watch',
    encode(event) {
      if (event.type === 'ERROR') {
        return encodeWatchFrame(event.type, encodeProtobuf(event.status, schemaOf(kindOf(event.status))!))
      }
      if (event.type === 'BOOKMARK' || form.view) return encodeWatchFrame(event.type, sealed(show(event)))
      return encodeWatchFrame(event.type, sealProtobuf(kind, as.protobuf(event.stored)))
    },
  }
}

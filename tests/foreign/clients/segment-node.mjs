// Segment's Node library, pointed here by its settings `host` and, for strict mode, `httpClient`.
import { deliver, fetchOf, load, report, setup } from './setup.mjs'

const { Analytics } = load('@segment/analytics-node')

const analytics = new Analytics({
  writeKey: setup.key,
  host: setup.host,
  path: '/v1/batch',
  flushAt: setup.calls.length,
  httpClient: fetchOf(globalThis.fetch),
  ...setup.settings,
})
report(await deliver(analytics, setup.calls))

// The vendor's Node library for servers. It knows nothing of strict mode; `fetch` is the global one.
import { deliver, fetchOf, load, report, setup } from './setup.mjs'

const { Analytics } = load('@customerio/cdp-analytics-node')

globalThis.fetch = fetchOf(globalThis.fetch)
const analytics = new Analytics({
  writeKey: setup.key,
  host: setup.host,
  maxEventsInBatch: setup.calls.length,
  ...setup.settings,
})
report(await deliver(analytics, setup.calls))

// The client for the Track API in the same library: another API, which does not live here.
import { load, report, setup } from './setup.mjs'

const { TrackClient } = load('customerio-node')

const client = new TrackClient('site', setup.key, { url: `${setup.host}/api/v1` })
const seen = (error) => ({ name: error.name, status: error.statusCode, message: error.message })
const settled = await Promise.allSettled([
  client.identify('u1', { email: 'u1@example.com' }),
  client.track('u1', { name: 'Seen' }),
  client.destroy('u1'),
])
report(settled.map(({ reason, value }) => (reason ? seen(reason) : { answer: value })))

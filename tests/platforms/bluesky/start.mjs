// Starts Bluesky's own servers on loopback, tells where they are in one line of JSON, and ends on SIGTERM.
//
//   node start.mjs '{"postgres": "postgresql://…", "redis": "127.0.0.1:6379", "accounts": ["fernway"]}'
//
// Without "postgres" only the personal data server and its directory are started; with "limits" it counts requests.
import net from 'node:net'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import path from 'node:path'

const wanted = JSON.parse(process.argv[2])

// The servers listen on every interface when they are given a port alone.
const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (where, ...rest) {
  const isPort = typeof where === 'number' || typeof where === 'string'
  if (isPort && typeof rest[0] === 'string') rest.shift()
  const place = isPort ? { port: Number(where) } : where
  return listen.call(this, { ...place, host: '127.0.0.1' }, ...rest)
}

// Nothing here writes a log, and nothing is ever mailed.
process.env.LOG_ENABLED = 'false'
process.env.NODE_ENV = 'test'

const folder = process.env.NODE_FOLDER
const require = createRequire(path.join(folder, 'package.json'))
const { TestNetwork, TestNetworkNoAppView } = await import(pathToFileURL(require.resolve('@atproto/dev-env')))

const pds = { hostname: 'localhost', enableDidDocWithSession: true, rateLimitsEnabled: wanted.limits === true }
if (wanted.postgres) {
  process.env.DB_POSTGRES_URL = wanted.postgres
  process.env.REDIS_HOST = wanted.redis
}
const network = wanted.postgres
  ? await TestNetwork.create({
      pds,
      dbPostgresSchema: `answerback_${wanted.schema}`,
    })
  : await TestNetworkNoAppView.create({ pds })
network.pds.ctx.mailer.transporter.sendMail = async () => ({})

const accounts = {}
const agent = network.pds.getClient()
for (const name of wanted.accounts) {
  const password = `password-of-${name}`
  const { data } = await agent.createAccount({ handle: `${name}.test`, email: `${name}@example.com`, password })
  await agent.app.bsky.actor.profile.create({ repo: data.did }, { displayName: name })
  accounts[name] = { did: data.did, handle: data.handle, password }
}
if (wanted.postgres) await network.processAll()

const end = async () => {
  setTimeout(() => process.exit(0), 3_000).unref()
  await network.close().catch(() => undefined)
  process.exit(0)
}
process.on('SIGTERM', end)
// Whoever started this may be killed: its end of the pipe tells.
process.stdin.on('close', end).resume()
console.log(JSON.stringify({ server: `http://127.0.0.1:${network.pds.port}`, accounts }))

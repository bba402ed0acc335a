// npm's redis (node-redis), unchanged, against one endpoint: node node_redis.mjs HOST PORT

import { createClient, createClientPool, WatchError } from "redis";
import { expect, expectError, expectThat, host, main, port, Skip, test, until } from "./harness.mjs";

function connect(options = {}) {
  const client = createClient({ socket: { host, port }, ...options });
  client.on("error", () => {});
  return client.connect();
}

test("strings", async (r, p) => {
  expect("OK", await r.set(p + "a", "Ada"));
  expect("Ada", await r.get(p + "a"));
  expect(null, await r.get(p + "none"));
  expect(5, await r.append(p + "a", " L"));
  expect("L", await r.getRange(p + "a", -1, -1));
  expect(7, await r.setRange(p + "a", 6, "x"));
  expect(7, await r.strLen(p + "a"));
  expect("Ada L\0x", await r.getDel(p + "a"));
  await r.set(p + "text", "Ελλάδα 中国 🗝");
  expect("Ελλάδα 中国 🗝", await r.get(p + "text"));
  const big = "0123456789".repeat(200_000);
  await r.set(p + "big", big);
  expectThat((await r.get(p + "big")) === big, "2 MB come back");
});

test("options of set", async (r, p) => {
  expect(null, await r.set(p + "k", "1", { condition: "XX" }));
  expect("OK", await r.set(p + "k", "1", { condition: "NX" }));
  expect(null, await r.set(p + "k", "2", { condition: "NX" }));
  expect("1", await r.set(p + "k", "2", { GET: true }));
  expect("OK", await r.set(p + "k", "3", { expiration: { type: "EX", value: 100 } }));
  expectThat((await r.ttl(p + "k")) >= 98, "EX 100");
  expect("OK", await r.set(p + "k", "4", { expiration: "KEEPTTL" }));
  expectThat((await r.ttl(p + "k")) >= 90, "KEEPTTL");
  expect(0, await r.setNX(p + "k", "5"));
});

test("many at once", async (r, p) => {
  expect("OK", await r.mSet({ [p + "a"]: "1", [p + "b"]: "2" }));
  expect(["1", null, "2"], await r.mGet([p + "a", p + "none", p + "b"]));
  expect(0, await r.mSetNX({ [p + "a"]: "1", [p + "c"]: "2" }));
  expect(2, await r.del([p + "a", p + "b", p + "c"]));
});

test("counters", async (r, p) => {
  expect(1, await r.incr(p + "n"));
  expect(11, await r.incrBy(p + "n", 10));
  expect(10, await r.decr(p + "n"));
  expect("10.5", String(await r.incrByFloat(p + "n", 0.5)));
  await expectError(/not an integer/, r.incr(p + "n"));
  // Without awaiting each, the client pipelines by itself.
  const answers = await Promise.all(Array.from({ length: 1000 }, () => r.incr(p + "m")));
  expect(Array.from({ length: 1000 }, (_, i) => i + 1), answers);
});

test("expiry", async (r, p) => {
  await r.set(p + "k", "1", { expiration: { type: "PX", value: 150 } });
  await until(async () => (await r.get(p + "k")) === null);
  expect(-2, await r.ttl(p + "k"));
  await r.set(p + "k", "1");
  expect(1, await r.expire(p + "k", 100));
  expect(0, await r.expire(p + "k", 50, "GT"));
  expect(1, await r.persist(p + "k"));
  expect(-1, await r.pTTL(p + "k"));
});

test("keys and scanning", async (r, p) => {
  const names = Array.from({ length: 300 }, (_, i) => `${p}scan:${i}`);
  await Promise.all(names.map((name) => r.set(name, "1")));
  const found = new Set();
  for await (const page of r.scanIterator({ MATCH: `${p}scan:*`, COUNT: 50 })) {
    for (const name of page) found.add(name);
  }
  expect(names.sort(), [...found].sort());
  expect("string", await r.type(names[0]));
  expect("OK", await r.rename(names[0], p + "new"));
  expect(1, await r.copy(p + "new", names[0]));
  expect(2, await r.exists([names[0], p + "new", p + "none"]));
});

test("multi", async (r, p) => {
  const answers = await r.multi().set(p + "a", "1").incr(p + "a").get(p + "none").exec();
  expect(["OK", 2, null], answers);
  const typed = await r.multi().incr(p + "a").execTyped();
  expect([3], typed);
});

test("watch", async (r, p) => {
  const other = await connect();
  await r.watch(p + "k");
  await other.set(p + "k", "someone else");
  const error = await r.multi().set(p + "k", "mine").exec().then(() => null, (reason) => reason);
  expectThat(error instanceof WatchError, `a WatchError: ${error}`);
  expect("someone else", await r.get(p + "k"));
  other.destroy();
});

test("a lock by hand", async (_, p) => {
  let inside = 0;
  let entered = 0;
  await Promise.all(Array.from({ length: 6 }, async (_, i) => {
    const r = await connect();
    for (let turn = 0; turn < 5; turn++) {
      const mine = `${i}:${turn}`;
      await until(() => r.set(p + "lock", mine, {
        condition: "NX",
        expiration: { type: "PX", value: 10000 },
      }), 20000);
      expect(1, ++inside);
      entered++;
      expect(mine, await r.get(p + "lock"));
      inside--;
      expect(1, await r.del(p + "lock"));
    }
    r.destroy();
  }));
  expect(30, entered);
});

test("a pool", async (_, p) => {
  const pool = createClientPool({ socket: { host, port } }, { minimum: 2, maximum: 8 });
  pool.on("error", () => {});
  await pool.connect();
  await Promise.all(Array.from({ length: 100 }, () => pool.incr(p + "n")));
  expect("100", await pool.get(p + "n"));
  await pool.close();
});

test("the server", async (r, p) => {
  expect("PONG", await r.ping());
  expect("hello", await r.echo("hello"));
  expectThat((await r.info()).includes("redis_version:7."), "INFO");
  expectThat("maxmemory" in (await r.configGet("maxmemory")), "CONFIG GET");
  expectThat((await r.clientId()) > 0, "CLIENT ID");
  expect("OK", await r.clientSetName("compat"));
  expect("compat", await r.clientGetName());
  expect("compat", (await r.clientInfo()).name);
  expectThat((await r.clientList()).some(({ name }) => name === "compat"), "CLIENT LIST");
  expectThat((await r.dbSize()) >= 0, "DBSIZE");
  const [get] = await r.commandInfo(["get"]);
  expect(2, get.arity);
  await expectError(/unknown command 'NO-SUCH'/, r.sendCommand(["NO-SUCH", p]));
});

test("RESP2 and a name", async (_, p) => {
  const r = await connect({ RESP: 2, name: "compat-2" });
  expect("compat-2", await r.clientGetName());
  expect("OK", await r.set(p + "k", "1"));
  expect(["1", null], await r.mGet([p + "k", p + "none"]));
  r.destroy();
});

test("commands of our own", async (r, p) => {
  if (!(await r.info("everything")).includes("holdfast_version")) {
    throw new Skip("the server is not Holdfast");
  }
  const take = (owner) => r.sendCommand(["LOCK.ACQUIRE", p + "lock", owner, "TTL", "60000"]);
  const grant = { ...(await take("me")) };
  expect(["fence", "mode", "token", "ttl"], Object.keys(grant).sort());
  expectThat(grant.token > 0 && grant.token === grant.fence, "a token that is a fence");
  expect(null, await take("you"));
  expect(1, await r.sendCommand(["LOCK.RELEASE", p + "lock", String(grant.token)]));
  await expectError(/^FENCED/, r.sendCommand(["GUARD", p + "lock", String(grant.token), "INCR", p + "n"]));
});

await main("node-redis", connect, async (client) => client.destroy());

// A round trip of home-assistant-js-websocket, the library under the web frontend, against a
// running hub: node js_websocket.mjs BASE_URL LOGIN_NAME PASSWORD
//
// Exits with 0 when everything was as an app that uses the library relies on.
import assert from "node:assert/strict";

import * as ha from "home-assistant-js-websocket";
import { WebSocket } from "ws";

// The library expects a browser's global.
globalThis.WebSocket = WebSocket;

const [base, username, password] = process.argv.slice(2);
const CLIENT_ID = `${base}/`;
const LAMP = "light.kitchen_lights";
const DEADLINE_MS = 15_000;

/** Resolves with the first value that `subscribe` delivers and `wanted` accepts. */
function first(subscribe, wanted = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing came: ${wanted}`)), DEADLINE_MS);
    subscribe((value) => {
      if (wanted(value)) {
        clearTimeout(timer);
        resolve(value);
      }
    });
  });
}

async function post(path, body) {
  const reply = await fetch(base + path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return reply.json();
}

/** Signs in as the login page does and returns the authorization code. */
async function signIn() {
  const redirect_uri = `${base}/?auth_callback=1`;
  const handler = ["homeassistant", null];
  const flow = await post("/auth/login_flow", { client_id: CLIENT_ID, handler, redirect_uri });
  assert.equal(flow.step_id, "init", JSON.stringify(flow));
  const path = `/auth/login_flow/${flow.flow_id}`;
  const done = await post(path, { client_id: CLIENT_ID, username, password });
  assert.equal(done.type, "create_entry", JSON.stringify(done));
  return done.result;
}

const steps = {
  async "an authorization code becomes tokens, which are refreshed"() {
    this.auth = await ha.getAuth({ hassUrl: base, clientId: CLIENT_ID, authCode: await signIn() });
    const before = this.auth.data.refresh_token;
    await this.auth.refreshAccessToken();
    assert.equal(this.auth.data.refresh_token, before);
  },

  async "a wrong token is told apart from a lost connection"() {
    const auth = ha.createLongLivedTokenAuth(base, "no.such.token");
    await assert.rejects(ha.createConnection({ auth, setupRetry: 0 }), (e) => e === ha.ERR_INVALID_AUTH);
  },

  async "a connection is made"() {
    this.home = await ha.createConnection({ auth: this.auth, setupRetry: 0 });
    assert.match(this.home.haVersion, /^\d{4}\.\d+/);
    await this.home.ping();
  },

  async "user, configuration, services and states are read"() {
    const user = await ha.getUser(this.home);
    assert.equal(user.is_admin, true);
    const config = await ha.getConfig(this.home);
    assert.equal(config.state, "RUNNING");
    const services = await ha.getServices(this.home);
    assert.ok(services.light.turn_on.fields.brightness);
    const states = await ha.getStates(this.home);
    assert.ok(states.some((state) => state.entity_id === LAMP), "the demo lamp is among the states");
  },

  async "the collections of the library fill and follow"() {
    const config = await first((then) => ha.subscribeConfig(this.home, then));
    assert.ok(config.components.includes("mobile_app"));
    const services = await first((then) => ha.subscribeServices(this.home, then));
    assert.ok(services.light);
    const entities = await first((then) => ha.subscribeEntities(this.home, then));
    const was = entities[LAMP].state;
    assert.ok(["on", "off"].includes(was));
    const changed = first(
      (then) => ha.subscribeEntities(this.home, then),
      (now) => now[LAMP].state !== was,
    );
    await ha.callService(this.home, "light", "toggle", {}, { entity_id: LAMP });
    const now = (await changed)[LAMP];
    assert.ok(now.last_changed >= entities[LAMP].last_changed);
    assert.deepEqual(now.attributes.supported_color_modes, entities[LAMP].attributes.supported_color_modes);
  },

  async "events are heard and fired"() {
    let stop;
    const heard = first(async (then) => {
      stop = await this.home.subscribeEvents(then, "js_client_event");
      await this.home.sendMessagePromise({
        type: "fire_event", event_type: "js_client_event", event_data: { n: 1 },
      });
    });
    assert.deepEqual((await heard).data, { n: 1 });
    await stop();
  },

  async "templates are rendered again when what they read changes"() {
    const template = `{{ is_state('${LAMP}', 'on') }}`;
    let stop;
    const results = [];
    await first(async (then) => {
      stop = await this.home.subscribeMessage((event) => {
        results.push(event.result);
        then(event);
      }, { type: "render_template", template });
    });
    const other = first((then) => {
      const timer = setInterval(() => {
        if (results.length > 1) {
          clearInterval(timer);
          then(results);
        }
      }, 20);
    });
    await ha.callService(this.home, "light", "toggle", {}, { entity_id: LAMP });
    await other;
    assert.deepEqual([typeof results[0], results[1]], ["boolean", !results[0]]);
    await stop();
  },

  async "errors carry the codes that apps look at"() {
    const refused = (message, code) =>
      assert.rejects(this.home.sendMessagePromise(message), (error) => error.code === code);
    await refused({ type: "no/such/command" }, "unknown_command");
    await refused({ type: "call_service", domain: "no", service: "such" }, "not_found");
    await refused({ type: "call_service", domain: 1, service: "such" }, "invalid_format");
  },

  async "registries are listed"() {
    for (const kind of ["area", "device", "entity", "floor", "label"]) {
      const list = await this.home.sendMessagePromise({ type: `config/${kind}_registry/list` });
      assert.ok(Array.isArray(list), kind);
    }
  },

  async "user data of the frontend is kept"() {
    const key = "core";
    const value = { showAdvanced: true };
    await this.home.sendMessagePromise({ type: "frontend/set_user_data", key, value });
    const kept = await this.home.sendMessagePromise({ type: "frontend/get_user_data", key });
    assert.deepEqual(kept.value, value);
  },

  async "a lost connection is made again with its subscriptions"() {
    const heard = [];
    await this.home.subscribeEvents((event) => heard.push(event), "after_reconnect");
    const ready = first((then) => this.home.addEventListener("ready", () => then(true)));
    this.home.reconnect(true);
    await ready;
    const came = first((then) => {
      const timer = setInterval(() => {
        if (heard.length > 0) {
          clearInterval(timer);
          then(heard);
        }
      }, 20);
    });
    await this.home.sendMessagePromise({ type: "fire_event", event_type: "after_reconnect" });
    await came;
  },

  async "signing out ends the connection and the tokens"() {
    const gone = first((then) => this.home.addEventListener("disconnected", () => then(true)));
    await this.auth.revoke();
    await gone;
    this.home.close();
    await assert.rejects(this.auth.refreshAccessToken(), (error) => error === ha.ERR_INVALID_AUTH);
  },
};

const state = {};
for (const [name, step] of Object.entries(steps)) {
  try {
    await step.call(state);
    console.log(`ok - ${name}`);
  } catch (error) {
    console.log(`failed - ${name}`);
    console.error(error);
    process.exit(1);
  }
}
process.exit(0);

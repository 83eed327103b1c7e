// Signs in through the login flow and takes the browser to the client that asked. Without this
// file the form does the same by being posted.
"use strict";
(() => {
  const form = document.getElementById("sign-in");
  const problem = document.getElementById("problem");
  if (!form || !problem || !window.fetch) return;

  const say = (text) => {
    problem.textContent = text;
    problem.hidden = !text;
  };

  const post = async (path, body) => {
    const reply = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      cache: "no-store",
    });
    const answer = await reply.json().catch(() => ({}));
    return { ok: reply.ok, ...answer };
  };

  // The server has accepted the target by the time that there is a code.
  const withCode = (target, code, fields) => {
    const [address, fragment] = target.split(/#(.*)/s);
    const separator = !address.includes("?") ? "?" : /[?&]$/.test(address) ? "" : "&";
    let url = `${address}${separator}code=${encodeURIComponent(code)}`;
    if (fields.has("state")) url += `&state=${encodeURIComponent(fields.get("state"))}`;
    if (fields.has("remember")) url += "&storeToken=true";
    return fragment === undefined ? url : `${url}#${fragment}`;
  };

  const signIn = async (fields) => {
    const client_id = fields.get("client_id");
    const redirect_uri = fields.get("redirect_uri");
    const flow = await post("/auth/login_flow", {
      client_id,
      redirect_uri,
      handler: ["homeassistant", null],
    });
    if (!flow.flow_id) return say(flow.message || "The hub did not begin the sign-in.");
    const step = await post(`/auth/login_flow/${flow.flow_id}`, {
      client_id,
      username: fields.get("username"),
      password: fields.get("password"),
    });
    if (step.type === "create_entry") {
      document.location.assign(withCode(redirect_uri, step.result, fields));
      return;
    }
    if (step.type === "form") {
      say("The user name or the password is not right.");
      document.getElementById("password").select();
      return;
    }
    say(step.message || "The hub did not finish the sign-in.");
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    say("");
    try {
      await signIn(new FormData(form));
    } catch {
      say("The hub does not answer. Check the connection and try again.");
    } finally {
      button.disabled = false;
    }
  });
})();

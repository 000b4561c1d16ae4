/* Remembers by whose link a visitor came, on the site's own domain. */
(function (days, touch, domain) {
  "use strict";
  var script = document.currentScript;
  if (!script || !window.fetch) return;
  var endpoint = script.src.replace(/refgrow\.js(\?[^#]*)?(#.*)?$/, "refgrow/track$1");

  /* What stands behind a name in the query or in the cookies, if it can be a code. */
  function find(text, name) {
    var found = text.match(new RegExp(name + "=([\\w-]{3,64})(?=[&;]|$)"));
    return found ? found[1] : "";
  }

  function held() {
    return find(document.cookie, "(?:^|; *)refgrow_ref_code");
  }

  /* Of the domain that the site's hosts share, where this is one of them. */
  function remember(code) {
    var shared = domain && ("." + location.hostname).slice(-domain.length - 1) === "." + domain;
    document.cookie = "refgrow_ref_code=" + code + "; path=/; max-age=" + days * 86400 + "; samesite=lax" +
      (shared ? "; domain=" + domain : "") + (location.protocol === "https:" ? "; secure" : "");
  }

  /* Needs no preflight: a text, without credentials. Nobody waits for the answer. */
  function send(message) {
    fetch(endpoint, {
      method: "POST",
      mode: "cors",
      credentials: "omit",
      keepalive: true,
      headers: { "Content-Type": "text/plain" },
      body: JSON.stringify(message)
    })["catch"](function () {});
  }

  function arrive() {
    var code = find(location.search, "[?&]ref") || find(location.search, "[?&]via");
    if (!code) return;
    if (touch !== "first" || !held()) remember(code);
    send({ type: "click", code: code, url: location.href.split("#")[0].slice(0, 1900), referrer: document.referrer.slice(0, 1900) });
  }

  /* A signup is claimed. Purchases are the server's to tell. */
  window.Refgrow = function (value, type, email, options) {
    var code = held();
    if (type === "signup" && email && code) send({ type: "signup", code: code, email: String(email) });
  };

  if (document.prerendering) document.addEventListener("prerenderingchange", arrive, { once: true });
  else arrive();
})(DAYS, "TOUCH", "DOMAIN");

/* Remembers through whose link a visitor came, on the site's own domain. */
(function (days, touch, domain) {
  "use strict";
  var script = document.currentScript;
  /* A page inside another one is no visit. */
  if (window.top && window.top !== window) {
    window.Refgrow = function () {};
    return;
  }
  if (!script || !window.fetch) return;
  var endpoint = script.src.replace(/refgrow\.js(\?[^#]*)?(#.*)?$/, "refgrow/track$1");
  var cookie = "refgrow_ref_code", later = "refgrow_ref_seen";

  function find(text, name) {
    var found = text.match(new RegExp(name + "=([^&;]*)"));
    return found ? found[1] : "";
  }

  function code(text) {
    return /^[\w-]{3,64}$/.test(text) ? text : "";
  }

  /* The code in the page's address, without what surrounds it in a mail. */
  function link(name) {
    try {
      return code(decodeURIComponent(find(location.search, "[?&]" + name).replace(/\+/g, " "))
        .replace(/^[^\w\u00c0-\u1fff\u2070-\u2fff\u3040-\uffff-]+|[^\w\u00c0-\u1fff\u2070-\u2fff\u3040-\uffff-]+$/g, ""));
    } catch (e) {
      return "";
    }
  }

  function first() {
    return code(find(document.cookie, "(?:^|; *)" + cookie));
  }

  /* Codes, and those that the visitor came with before, the newest first. Of one that came
     twice the arrival counts that the touch asks for. The last one is always the first that
     ever came. */
  function withHeld(codes) {
    var oldest = touch === "first";
    return codes.concat(find(document.cookie, "(?:^|; *)" + later).split("."))
      .filter(function (text, at, list) {
        return code(text) && at === (oldest ? list.lastIndexOf(text) : list.indexOf(text));
      })
      .slice(oldest ? -5 : 0).slice(0, 5).concat(first() || []);
  }

  /* For the domain that the site's hosts share, if this is one of them. */
  function remember(name, value) {
    var shared = domain && ("." + location.hostname).slice(-domain.length - 1) === "." + domain;
    document.cookie = name + "=" + value + "; path=/; max-age=" + days * 86400 + "; samesite=lax" +
      (shared ? "; domain=" + domain : "") + (location.protocol === "https:" ? "; secure" : "");
  }

  /* Needs no preflight: plain text, without credentials. Nobody waits for the answer. */
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

  /* Which codes lead to somebody is not known here. So a further one takes nothing away:
     it is kept beside the first, and the server chooses. */
  function arrive() {
    var codes = [link("ref"), link("via")].filter(Boolean);
    if (!codes.length) return;
    if (touch !== "first" || !first()) remember(cookie, first() || codes[0]);
    var all = withHeld(codes);
    if (all.some(function (text) { return text !== all[0]; })) remember(later, all.join("."));
    send({
      type: "click",
      codes: codes,
      url: location.href.split("#")[0].slice(0, 1700),
      referrer: document.referrer.slice(0, 1700)
    });
  }

  /* A signup is claimed. Purchases are reported by the server. */
  window.Refgrow = function (value, type, email, options) {
    var codes = withHeld([]);
    if (type === "signup" && email && codes.length) send({ type: "signup", codes: codes, email: String(email) });
  };

  if (document.prerendering) document.addEventListener("prerenderingchange", arrive, { once: true });
  else arrive();
})(DAYS, "TOUCH", "DOMAIN");

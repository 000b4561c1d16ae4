// Package tracking tells an app which affiliate referred its visitors. Everything
// happens on the app's own host: no other site is asked, nothing of another
// site is loaded, and pages need no JavaScript.
//
//	mux := http.NewServeMux()
//	mux.HandleFunc("POST /signup", func(w http.ResponseWriter, r *http.Request) {
//		// The attribution of the visitor is in the context.
//		_, err := shop.TrackSignup(r.Context(), refgrow.TrackSignupParams{Customer: refgrow.Customer{Email: r.FormValue("email")}})
//		...
//	})
//	tracking.Register(mux, shop, tracking.Options{})
//	handler := tracking.Middleware(shop, tracking.Options{})(mux)
//
// [Middleware] reads the code of a referral link such as /pricing?ref=CODE, counts the
// click, sets a cookie, and puts the attribution into the context of every request,
// where [FromRequest] finds it. [Register] adds what links from elsewhere and
// static sites need: a redirect, a browser script and its endpoint.
//
// # Links
//
// A link has the code or the partner slug of an affiliate in the query parameter ref,
// or else in via, in capitals or not. Only what leads to an active affiliate counts;
// anything else is as if it were not there, so that ?ref=newsletter takes nobody's
// cookie away. Of a parameter that is given twice, the first counts.
//
// The attribution of a request is that of its link, or else of its cookie. With the
// setting that the first touch counts, it is that of the cookie as long as its code
// leads to an affiliate. The cookie's code is handed on as it is: what it leads to
// is looked up when something is recorded. Requests of any method get an attribution.
//
// # What counts
//
// A visit is a GET request for a page that somebody is about to see. These have
// neither a click nor a cookie: other methods, HEAD among them; prefetches and prerendered
// pages (Sec-Purpose, Purpose, X-Purpose, X-Moz); what the browser fetches for another page
// (by Sec-Fetch-Dest, or where it is missing by an Accept of images), since otherwise
// an image on any page could make its visitors somebody's customers; and bots, by
// [refgrow.IsBot] and Options.IsBot. A page that the site's own service worker fetches
// to show it counts. The engine leaves out what repeats within 30 minutes from one address.
//
// Chromium shows a page that speculation rules have prefetched without another
// request, so that this visit is not counted: exclude referral links from the rules.
//
// Behind a proxy, Options.ClientIP and Options.HTTPS have to tell what the browser did:
// else all visitors have the proxy's address, and one of them counts in 30 minutes.
//
// # The cookie
//
// It is named refgrow_ref_code and holds the code as it stood in the link, for
// as many days as the settings say. It is SameSite=Lax, Secure on https, and not
// HttpOnly, because the script reads it too. A handler that sets it itself, as the
// redirect does, has the last word. When the last touch counts, every visit
// by a link begins its time anew; when the first one does, only a code that leads nowhere any
// more is replaced. Where Options.Consent says no, no cookie is set: the click still counts,
// and its attribution is that of this one request.
//
// The answer to a request with a code that leads to an affiliate is never for shared
// caches, whatever the handler says: Cache-Control is made private, and loses public and
// s-maxage; what else is in it stays. This holds for answers that set no cookie as well: one that
// was made for a bot, and kept, would reach people who are then not counted.
// CDN-Cache-Control, also with a name before it, Surrogate-Control, Edge-Control and
// X-Accel-Expires are taken away.
//
// # No waiting
//
// Clicks are queued; when the queue is full they are dropped, which the engine
// counts and logs. Settings and codes come from the engine's memory. What is not there
// is looked up in the database, for at most 20 milliseconds. After that the last
// known settings hold and the code is believed, but takes nobody's cookie away; it is
// looked up again when the click is written. A request without a code in its link asks for nothing.
//
// # The redirect
//
// GET /r/CODE leads to the page in the query parameter to, and without one to the
// project's landing URL, with 302. A page is accepted if its scheme, host and port
// are those of the landing URL or of an allowed origin, or if it is a path ("/pricing"),
// which is then on the landing URL's host. Credentials, backslashes, control
// characters, "//" at the beginning, more than 2048 bytes, or to given twice:
// the link leads to the landing URL. Without one it is 404. ref=CODE is added
// to the target unless it has a ref already, so that the site there can set a
// cookie of its own. A code that leads to no affiliate leads to the same page,
// without ref and without any effect. When the settings could never be read, it is 503.
//
// # Static sites
//
//	<script src="https://example.com/refgrow.js" async></script>
//
// The script does on arrival what the middleware does: the cookie, on the site's own
// host or on Options.CookieDomain if the host is in it, and a click. It cannot know
// which codes lead to an affiliate, and has no consent hook: load it once there is
// consent. Some browsers keep for a week at most what a script puts into a cookie. Refgrow(value, type, email, {reference}) tells
// of a signup where type is "signup" and the visitor came by a link. That is a
// claim: it earns nothing and records nothing; when the app's server records something
// of a customer with that email, who was not known before, the code counts there.
// Value and reference are accepted and not sent.
//
// A claim is only what a browser says, and an Origin is easily made up outside of
// browsers: whoever does can claim an email that is not a customer's yet. Allow origins
// only for sites that need the script, and where you can, tell the code on your own
// server (TrackSignup): it always wins over a claim.
//
// A site's Content-Security-Policy needs the host of the script in script-src and
// connect-src, and nothing unsafe.
//
// POST /refgrow/track takes {"type": "click", "code", "url", "referrer"} and {"type":
// "signup", "code", "email"}, at most 4 KiB of JSON of any content type. The answer is
// always 202 without a body. Nothing has an effect unless the Origin is one of the project's
// allowed origins, of which there are none in the beginning; the app's own has to be
// among them too if its pages use the script. An address (of IPv6, a network of 64 bits)
// has 60 messages a minute; at most 64 claims are written at once, each for at most
// 5 seconds; what is beyond is lost.
package tracking

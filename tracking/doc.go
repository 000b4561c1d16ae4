// Package tracking tells an app which affiliate referred its visitors. Everything
// happens on the app's own host: no other site is asked, nothing from another site is
// loaded, and pages need no JavaScript.
//
//	mux := http.NewServeMux()
//	mux.HandleFunc("POST /signup", func(w http.ResponseWriter, r *http.Request) {
//		// The attribution of the visitor is in the context.
//		_, err := shop.TrackSignup(r.Context(), refgrow.TrackSignupParams{
//			Customer: refgrow.Customer{Email: r.FormValue("email")},
//		})
//		...
//	})
//	tracking.Register(mux, shop, tracking.Options{})
//	handler := tracking.Middleware(shop, tracking.Options{})(mux)
//
// [Middleware] reads the code of a referral link such as /pricing?ref=CODE, counts the
// click, sets a cookie, and puts the attribution into the context of every request,
// where [FromRequest] finds it. [Register] adds what links on other sites and static
// sites need: a redirect, a browser script and its endpoint.
//
// # Links
//
// A link has the code or the partner slug of an affiliate in the query parameter ref,
// or else in via, in upper or lower case. Only what leads to an active affiliate
// counts; anything else is treated as absent, so that ?ref=newsletter takes nobody's
// cookie away. If a parameter is given twice, the first counts. Blanks and punctuation
// around a code, as links get them in mails, are no part of it.
//
// The attribution of a request is that of its link, or else of its cookie. With the
// setting that the first touch counts, it is that of the cookie as long as its code
// leads to an affiliate. The cookie's code is passed on as it is: what it leads to is
// looked up when something is recorded. Requests with any method get an attribution.
//
// # What counts
//
// A visit is a GET request for a page that somebody is about to see. These make no
// click and set no cookie: other methods, including HEAD; prefetches and prerendered
// pages (Sec-Purpose, Purpose, X-Purpose, X-Moz); what the browser fetches for another
// page (judged by Sec-Fetch-Dest, or where that is missing by an Accept of images),
// since otherwise an image on any page could make its visitors somebody's customers;
// and bots, according to [refgrow.IsBot] and Options.IsBot. A page that the site's own
// service worker fetches to show it counts. The engine ignores repeats within 30
// minutes from one address.
//
// Chromium shows a page that speculation rules have prefetched without another request,
// so such a visit is not counted: exclude referral links from the rules.
//
// Behind a proxy, Options.ClientIP and Options.HTTPS have to say what the browser did:
// otherwise all visitors have the proxy's address, and only one of them counts in 30
// minutes.
//
// # The cookie
//
// It is named refgrow_ref_code and holds the code as it was in the link, for as many
// days as the settings say. It is SameSite=Lax, Secure on https, and not
// HttpOnly, because the script reads it too. A handler that sets it itself, as the
// redirect does, has the last word. When the last touch counts, every visit through a
// link restarts its time; when the first one does, only a code that no longer leads
// anywhere is replaced. Where Options.Consent says no, no cookie is set: the click
// still counts, and only that one request has its attribution.
//
// Beside it the browser script keeps the codes that a visitor came with when there are
// several, in refgrow_ref_seen, the newest first, with dots between them (JANE.newsletter):
// it cannot know which of them lead to an affiliate. The middleware chooses among them at
// the next request, writes the choice into refgrow_ref_code and removes the other cookie.
//
// # Backends without the middleware
//
// A backend of a site with the script, in whatever language, passes on what the browser
// has: refgrow_ref_seen if it is there, or else refgrow_ref_code. Either is a referral_code
// of POST /conversions and POST /clicks, and a ReferralCode in Go: of several codes the
// engine takes the one that the settings ask for, and skips those that lead to nobody.
//
//	referral_code = cookies.get("refgrow_ref_seen") or cookies.get("refgrow_ref_code")
//
// One that knows refgrow_ref_code alone has the code of the visitor's first arrival.
//
// The answer to a request with a code that leads to an affiliate is never for shared
// caches, whatever the handler says: Cache-Control is made private, and loses public
// and s-maxage; what else is in it stays. This also holds for answers that set no
// cookie: one that was made for a bot, and kept, would reach people who are then not
// counted. CDN-Cache-Control, with or without a vendor's name in front of it,
// Surrogate-Control, Edge-Control and X-Accel-Expires are removed.
//
// # No waiting
//
// Clicks are queued; when the queue is full they are dropped, which the engine
// counts and logs. Settings and codes come from the engine's memory. What is not there
// is looked up in the database, for at most 20 milliseconds. After that the last known
// settings hold and the code is believed, but takes nobody's cookie away; it is looked
// up again when the click is written. A request without a code in its link looks up
// nothing.
//
// # The redirect
//
// GET /r/CODE leads to the page in the query parameter to, or without it to the
// project's landing URL, with 302. A page is accepted if its scheme, host and port
// are those of the landing URL or of an allowed origin, or if it is a path
// ("/pricing"), which is then on the landing URL's host. With credentials, backslashes,
// control characters, "//" at the beginning, more than 2048 bytes, or to given twice,
// the link leads to the landing URL. Without a landing URL it is 404. ref=CODE is added
// to the target, in place of a ref or via that it has, so that the site there can set a
// cookie of its own. The other parameters of the link (utm_source, sub, gclid) are passed
// on, and replace those of the same name. A code that leads to no affiliate leads to the
// same page without any effect; a ref or via beside it is then tried. A slash, blanks and
// punctuation behind the code change nothing. What a visitor gets is a page: while the
// database is busy the target with ref=CODE, and only if the settings have never been
// read, after a wait of at most 2 seconds, a sentence with 503.
//
// # Static sites
//
//	<script src="https://example.com/refgrow.js" async></script>
//
// The script does on arrival what the middleware does: the cookie, on the site's own
// host or on Options.CookieDomain if the host is in it, and a click. Which codes lead to
// an affiliate it cannot know: the first one stays in the cookie, all are kept beside it,
// and the server chooses, at the next page behind the middleware, when a backend passes
// them on, or for a claim when it arrives. In a frame it does nothing. It has no
// consent hook: load it once there is consent. Some browsers keep a cookie that a script set for at most a week.
// Refgrow(value, type, email, {reference}) reports a signup if type is "signup" and the
// visitor came through a link. A browser's report is only a claim: it earns nothing and
// records nothing. It is used once: when your server first records that email as a new
// customer, the claimed code is its referral code. Of several claims for one email the last one
// counts. Value and reference are accepted and not sent.
//
// A claim is only what a browser says, and an Origin is easily made up outside
// browsers: whoever does so can claim an email that is not yet a customer's. Allow
// origins only for sites that need the script, and where you can, report the code from
// your own server (TrackSignup): it always wins over a claim.
//
// A site's Content-Security-Policy needs the host of the script in script-src and
// connect-src, and nothing unsafe.
//
// POST /refgrow/track takes {"type": "click", "codes", "url", "referrer"} and {"type":
// "signup", "codes", "email"}, with up to 6 codes, the newest first, at most 4 KiB of
// JSON of any content type. The answer is always 202 without a body. Nothing has an
// effect unless the Origin is one of the project's allowed origins, of which there are
// none at first; the app's own has to be among them too if its pages use the script. An
// address (of IPv6, a network of 64 bits) has 60 messages a minute; at most 64 claims
// are written at once, each for at most 5 seconds; anything beyond that is lost.
package tracking

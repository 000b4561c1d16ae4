// Package httpapi serves the documented Refgrow REST API over an engine:
// affiliates, conversions, referrals and coupons; and, beyond the reference, the
// project, its commission rules, refunds, the ledger, payouts, clicks, statistics
// and webhooks. Register puts it on a program's own mux, New makes a handler of it.
// What follows settles what the API reference leaves open.
//
// # Answers
//
// Every answer but 204 and files is a JSON object with "success", and every answer has
// X-Request-Id, which is made for it (one that a client sends is not taken).
// Errors are {"success": false, "error": "...", "code": "...", "field": "..."}:
// the error is for people and may change, the code is a stable word, the field
// is there when one is at fault, and stands before the error's text too. A field
// inside another one is written with dots, payout_preferences.paypal_email, and an
// element of a list with its place, counted from 0: clicks[3].referral_code.
//
//	400 invalid              a body, a query or a path that cannot be
//	401 unauthorized         no key, or a wrong one; with WWW-Authenticate: Bearer
//	403 forbidden            a read-only key, on everything but GET and HEAD
//	404 not_found            no such thing in the key's project, or no such path
//	405 method_not_allowed   with Allow; HEAD is answered like GET, OPTIONS is not special
//	409 conflict             something is taken, or its state does not allow the change
//	413 too_large            a body of more than 1 MiB
//	429 rate_limited         with Retry-After
//	500 internal             "internal error" with request_id; the cause is in the log
//	503 busy                 the database takes no writes now, or the request's time is up; with Retry-After
//	503 closed               the engine was closed
//
// The order of judgement is: key, limit, path and method, permission, body and
// query, and then what the database says. So an unknown path without a key is 401.
//
// A PUT answers with the thing as it is then, in the form of a retrieve; a
// DELETE with 204. Creating an affiliate or a referral answers in the form that
// the reference prints for it, a coupon or a conversion in the form of a retrieve.
//
// # Beyond the reference
//
//	GET, PUT /project                      the program's settings
//	GET, POST /rules                       commission rules for affiliates and products
//	DELETE /rules/{id}
//	POST /conversions/{id}/refund          amount, reason
//	POST /conversions/{id}/undo-refund     amount, reason
//	GET /conversions/{id}/explain          why it was credited, and what it earned
//	GET /affiliates/{email}/earnings       as_of
//	GET /affiliates/{email}/ledger         a list
//	GET /affiliates/{email}/statement      month, format=json or csv
//	POST /adjustments                      affiliate_id, amount, currency, note
//	GET /payouts                           a list; status, affiliate_id
//	POST /payouts                          cutoff, currency, minimum, preview
//	GET /payouts/{id}
//	GET /payouts/{id}/entries              a list
//	POST /payouts/{id}/pay                 external_reference
//	POST /payouts/{id}/cancel
//	GET /payouts/export                    format=paypal or wise, currency
//	POST /clicks                           referral_code, url, referrer, ip_address, user_agent; or clicks
//	GET /statistics                        affiliate_id, from, to
//	GET /webhooks                          a list
//	POST /webhooks                         url, events, secret, status
//	GET /webhooks/{id}
//	PUT /webhooks/{id}                     url, events, status
//	DELETE /webhooks/{id}
//	POST /webhooks/{id}/rotate             a new secret
//	POST /webhooks/{id}/test               event
//	POST /webhooks/{id}/replay             since or delivery_id
//	GET /webhooks/{id}/deliveries          a list; status
//
// PUT /project takes name, currency, commission, commission_duration,
// signup_commission, hold_days, minimum_payout, coupon_first, self_referral, touch
// ("last" or "first"), cookie_days (1 to 400), click_days (1 to 3650), landing_url
// (an http or https URL, or a path; null for none) and allowed_origins (an array
// that takes the place of the former one; [] for none), and changes what it names,
// all of it or nothing. A commission is a text:
// "8.25%" (up to four decimals), or a fixed amount such as "5.00", which like
// minimum_payout is in the currency that is in force after the change. A
// commission_duration is "lifetime", "first_purchase", or a number of months or
// payments such as "12 months", "6 payments".
//
// POST /rules takes affiliate_id or product or both, commission and
// commission_duration ("lifetime" when absent). The most specific rule prices a
// purchase: affiliate and product, then affiliate, then product, then the
// project. A rule for whom there is one already is its next version, with an id of
// its own. A deleted or replaced rule is no longer there; commissions that it
// made stay as they are.
//
// A refund's amount is the part of the base value that was given back, in the
// conversion's currency; absent, all of the rest. undo-refund takes the same
// fields and is for a refund that did not happen; it deletes no entry.
//
// A ledger entry has id, kind, amount (a number), currency, available_at,
// created_at, conversion_id, payout_id and note, and where the call does not tell
// whose it is, as in the answer to POST /adjustments and in explain, affiliate_id
// too. Entries are newest first in the ledger and in a payout, and in the order in
// which they were written in explain and in a statement.
//
// explain has decision, commission, entries and sentence. In decision, reason is
// one of affiliate_id, customer, coupon, referral_code, moved, or none,
// affiliate_inactive, code_unknown, self_referral for nobody, and candidates are
// all that were named, with what became of each: credited, outranked, inactive,
// unknown, ambiguous or refused. In commission, reason is one of rule,
// customer_unknown, value_given, unattributed, beyond_duration and
// currency_mismatch. rule, scope ("project", "affiliate", "product" or
// "affiliate_product"), version, and of the inputs rate, fixed and rounding, are
// null where no rule was applied.
//
// Earnings are one object for each currency, the project's first, with amounts as
// texts. as_of asks for the answer that was true at an instant, which is not in
// the future: it counts the entries made before it. payable is what a payout
// would pay then, and below 0 where there is a debt.
//
// A statement has the entries of one calendar month (UTC). Once closed is true,
// its answer is the same byte for byte whenever it is asked. The first answers for
// an instant, or a month, after which nothing was written yet, wait for the
// transactions that are open: they can be 503.
//
// An adjustment needs a note, and an amount other than 0: a negative one deducts.
// Without currency it is in the project's.
//
// POST /payouts makes pending payouts and answers 201 with the list of them, which
// may be empty; with preview true it makes none and answers 200 with what would
// be made, whose id and created_at are null. cutoff is an instant, or a day as in
// from and to, and not in the future; it defaults to now. minimum is in the run's
// currency, which defaults to the project's. Each payout is made in a transaction
// of its own: after an error, those that were made before it are in GET /payouts,
// and the next run makes the others. With an Idempotency-Key all are made in one
// transaction, or none, and a repetition makes no others. A paid or canceled
// payout stays so: pay and cancel are 409 then.
//
// A webhook's events default to all, and its status to active. Without secret one is
// made; null means that nothing is signed. The secret is in the answers that make
// it, to POST /webhooks and to rotate, and in no other: they have secret, null for
// none. rotate makes a new one, and the former one signs beside it for 24 hours. An
// inactive webhook gets nothing: what waits for it is canceled, test and replay are
// 409, and active sends nothing by itself. Deleting a webhook deletes its
// deliveries.
//
// test sends an event that did not happen, marked with "test": true, whatever
// events the webhook wants: referral_converted, unless event says otherwise. replay
// sends one delivery again, which has to be of this webhook, or with since
// everything that happened from that instant on and that the webhook wants, also
// what it got already. Both answer 202 before anything was sent: test and a
// delivery_id with the new delivery, since with the number of deliveries. A
// delivery's status is pending, succeeded, failed or canceled; response_status and
// error are those of the last attempt. What is sent, and when, is in the
// documentation of the package webhook.
//
// POST /clicks takes one click, or as clicks a list of 1 to 500, never both.
// ip_address is the visitor's, without a port; it is kept as a hash only, and without
// one repeats are not seen.
// What is in a list is recorded in one transaction, as if the clicks had followed
// one another. The answer is 202 with counted and ignored. A click is ignored, and
// no error, when its code is unknown or leads to no active affiliate, when its
// user_agent is a bot's, or when it repeats one from the same address to the same
// affiliate within 30 minutes. No click is refused for what a browser says of itself:
// url, referrer and user_agent may be empty, and are cut, to 2048, 2048 and 512 bytes.
// A click happened when the call arrives.
//
// GET /statistics has one object for each UTC day, the earliest first, also for those
// on which nothing happened: date, clicks, signups, purchases, and earnings, one
// amount as text for each currency in which the total earnings changed that day,
// which may be below 0. It has the days that from (inclusive) and to (exclusive)
// touch, at most 366 of them: an instant in the middle of a day takes that day in. to
// defaults to the end of today, from to 30 days before to. With an unknown
// affiliate_id the list is empty, as with the filters of all lists.
//
// # Files
//
// GET /payouts/export, and a statement with format=csv, answer with text/csv in
// UTF-8 and a Content-Disposition with a file name; errors are JSON there too. The
// export has the pending payouts in one currency. X-Payouts-Left-Out counts
// those that are not in it, because the affiliate lacks the preference that the
// service needs. It pays nothing and changes nothing.
//
// # Bodies and queries
//
// A body is one JSON object in UTF-8. Unknown fields, names in another case,
// names that come twice, halves of surrogate pairs, more than 1000 fields of an
// object or 10,000 values in all, and nesting deeper than 32 are errors;
// Options.IgnoreUnknown takes unknown fields.
// In a query, unknown and repeated parameters and empty values are errors in
// any case, on every method. A body on a GET or a DELETE is not looked at.
//
// In a new thing null is the same as absent, except for the secret of a webhook.
// In a change, null clears partner_slug, payout_preferences and what is in them,
// base_value, reference, coupon_code_used, a conversion's or a referral's
// affiliate_id, stripe_coupon_id, lemonsqueezy_discount_code and landing_url;
// elsewhere it is an error. An empty text is always one, but in what a click says
// of a browser. What payout_preferences does not name stays as it is.
//
// Where every field is optional, an absent body is an empty object. Neither the type
// nor the encoding that a header gives a body is looked at: nothing is ever unpacked, and
// a compressed body is one that is no JSON.
//
// Ids and numbers of days are integers written in digits alone: neither 1.0 nor 1e0,
// nor "1", nor 01. Amounts are JSON numbers in any form, read from their digits; those
// of conversions are in base_value_currency, or without one in the project's
// currency in a new conversion, and in the conversion's own in a change.
//
// A plain date in from, to, as_of, cutoff or since is its midnight, UTC.
//
// # Lists
//
// limit is 1 to 500. With cursor, total is null and offset is 0; a cursor
// belongs to the project, the list and the filters it was made with, but not to
// the limit. The limit's default is 20 for affiliates and referrals, otherwise 50.
//
// An affiliate's earnings fields are in the project's currency. When there are
// earnings in other currencies, earnings_by_currency has one object for each of
// those others. The three fields of the hold are there when the project has a
// hold, or when the affiliate has held earnings in any currency.
//
// # Idempotency-Key
//
// On any POST; elsewhere the header is not looked at. The same key, path and
// body, byte for byte, give the same answer byte for byte for 24 hours, with
// Idempotent-Replayed: true. A body that is wrong by itself is 400 even where
// the key was used for another one. An answer that shows a secret is not kept: the
// same call again is 409, with the id of the webhook as id, and makes no other.
//
// # Limits
//
// A key has 100 requests a minute (Options.RateLimit), whatever comes of them,
// in a window that begins with its first one. X-RateLimit-Reset is the first
// whole second after the window. Windows are kept in memory; of more than
// 10,000 keys in one minute some are counted anew. A clock that is set back
// begins a new window.
//
// An address has 60 failed authentications a minute, regained one a second;
// beyond, further failures are 429. The headers of a 401 tell the address's
// account: reset is when all 60 are there again. Addresses of IPv6 are counted
// by their first 64 bits. A right key is never refused for others' failures.
package httpapi

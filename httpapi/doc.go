// Package httpapi serves the documented Refgrow REST API over an engine:
// affiliates, conversions, referrals and coupons. Register puts it on a
// program's own mux, New makes a handler of it. What follows settles what the
// API reference leaves open.
//
// # Answers
//
// Every answer but 204 is a JSON object with "success", and every answer has
// X-Request-Id, which is made for it (one that a client sends is not taken).
// Errors are {"success": false, "error": "...", "code": "...", "field": "..."}:
// the error is for people and may change, the code is a stable word, the field
// is there when one is at fault, and stands before the error's text too. A field
// inside another one is written with dots: payout_preferences.paypal_email.
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
// # Bodies and queries
//
// A body is one JSON object in UTF-8. Unknown fields, names in another case,
// names that come twice, halves of surrogate pairs, more than 1000 fields of an
// object or 10,000 values in all, and nesting deeper than 32 are errors;
// Options.IgnoreUnknown takes unknown fields.
// In a query, unknown and repeated parameters and empty values are errors in
// any case, on every method. A body on a GET or a DELETE is not looked at.
//
// In a new thing null is the same as absent. In a change, null clears
// partner_slug, payout_preferences and what is in them, base_value, reference,
// coupon_code_used, a conversion's or a referral's affiliate_id,
// stripe_coupon_id and lemonsqueezy_discount_code; elsewhere it is an error. An
// empty text is always one. What payout_preferences does not name stays as it is.
//
// Ids are positive integers written in digits alone: neither 1.0 nor 1e0, nor
// "1", nor 01. Amounts are JSON numbers in any form, read from their digits;
// they are in base_value_currency, or without one in the project's currency in a
// new conversion, and in the conversion's own in a change.
//
// A plain date in from or to is its midnight, UTC.
//
// # Lists
//
// limit is 1 to 500. With cursor, total is null and offset is 0; a cursor
// belongs to the project, the list and the filters it was made with, but not to
// the limit.
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
// the key was used for another one.
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

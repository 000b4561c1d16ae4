// Package httpapi serves the documented Refgrow REST API over an engine:
// affiliates, conversions, referrals and coupons; and, beyond the reference, the
// project, its commission rules, refunds, the ledger, payouts, clicks, statistics
// and webhooks. Register puts it on an app's own mux, New makes a handler of it. Every
// call and field is in docs/reference.md, which a server also shows (Reference).
//
// GET /openapi.json, below the same prefix, is the whole API as an OpenAPI 3.1 document:
// every call, field, status, code, header and webhook body, with examples. It is the same
// for everybody, so it needs no key and is not counted, like OPTIONS; its server is
// relative, so it is right under any prefix; and it has an ETag. Tests hold it against
// the running API, in both directions. Reference makes a page for people of it.
//
// # Answers
//
// Every answer but 204 and files is a JSON object with "success", and every answer has
// its own X-Request-Id (one that a client sends is ignored).
// Errors are {"success": false, "error": "...", "code": "...", "field": "..."}: the
// error is for people and may change, the code is a stable word, the field is present
// when one is at fault, and the error's text then begins with it. A field inside
// another one is written with a dot, payout_preferences.paypal_email, and an element of
// a list with its index, counted from 0: clicks[3].referral_code.
//
//	400 invalid              a malformed body, query or path, or a value that is not allowed
//	401 unauthorized         no key, or a wrong one; with WWW-Authenticate: Bearer
//	403 forbidden            a read-only key, on everything but GET and HEAD
//	404 not_found            no such thing in the key's project, or no such path
//	405 method_not_allowed   with Allow; HEAD is answered like GET
//	409 conflict             something is already taken, or its state does not allow the change
//	413 too_large            a body of more than 1 MiB
//	415 unsupported_media_type  a body that is a form, JSON in a JSON string, or compressed
//	429 rate_limited         with Retry-After
//	500 internal             "internal error" with request_id; the cause is in the log
//	503 busy                 the database takes no writes now, or the request's time is up; with Retry-After
//	503 too_slow             a read took longer than Options.Timeout; with Retry-After
//	503 closed               the engine was closed
//
// Requests are checked in this order: key, limit, path and method, permission, body and
// query, and then what the database says. So an unknown path without a key is 401, and the
// error says what the header lacks, but of a key only that it is no valid one. OPTIONS
// needs no key and is not counted: 204 with Allow, and without headers for browsers on
// other sites, since a key is a secret. A slash at the end of a path, and the name of the
// collection in another case, are taken.
//
// A PUT answers with the changed thing, in the form of a retrieve; a DELETE with 204.
// Creating an affiliate or a referral answers in the form that the reference prints for
// it, creating a coupon or a conversion in the form of a retrieve.
//
// # Finding things by the app's own names
//
// Lists find one thing by a unique name: GET /conversions takes reference, GET /affiliates
// referral_code (a former code or a partner slug leads to the affiliate too), and GET
// /referrals external_id. An empty name finds nothing. A 409 for something that exists
// already, or whose state does not allow the change, carries its id: that of the conversion,
// the webhook, the erased person, and for an affiliate who cannot be deleted or erased yet
// that of the pending payout.
//
// # Beyond the reference
//
//	GET, PUT /project                      the program's settings
//	GET, POST /rules                       commission rules for affiliates and products
//	DELETE /rules/{id}
//	POST /refunds                          reference or conversion_id; what a refund takes
//	POST /conversions/{id}/refund          amount, refund_reference, cap; refunded_total, told_at, lower; reason
//	POST /conversions/{id}/undo-refund     amount or refund_reference; reason
//	GET /conversions/{id}/explain          why it was credited, and what it earned
//	GET /affiliates/{email}/earnings       as_of
//	GET /affiliates/{email}/ledger         a list
//	GET /affiliates/{email}/statement      month, format=json or csv
//	POST /referrals/{id}/merge             from
//	POST /affiliates/{email}/erase
//	POST /referrals/{email}/erase
//	POST /adjustments                      affiliate_id, amount, currency, note
//	GET /payouts                           a list; status, affiliate_id, run_id
//	POST /payouts                          cutoff, currency, minimum, affiliate_id or affiliate_ids, without,
//	                                       details_only, preview
//	POST /payouts/pay                      payouts: 1 to 500 of id, external_reference
//	POST /payouts/cancel                   payouts: 1 to 500 of id
//	GET /payouts/runs                      a list
//	GET /payouts/runs/{id}
//	GET /payouts/{id}
//	GET /payouts/{id}/entries              a list
//	POST /payouts/{id}/pay                 external_reference, paid_at
//	POST /payouts/{id}/cancel
//	POST /payouts/{id}/return              note
//	GET /payouts/export                    format=paypal, wise or wise_email, currency, after
//	POST /clicks                           referral_code, url, referrer, ip_address, user_agent; or clicks
//	GET /statistics                        affiliate_id, from, to
//	GET /webhooks                          a list
//	POST /webhooks                         url, events, secret, status, payout_preferences
//	GET /webhooks/{id}
//	PUT /webhooks/{id}                     url, events, status, payout_preferences
//	DELETE /webhooks/{id}
//	POST /webhooks/{id}/rotate             a new secret; overlap_hours
//	POST /webhooks/{id}/test               event
//	POST /webhooks/{id}/replay             since or delivery_id
//	GET /webhooks/{id}/deliveries          a list; status
//
// Where a path takes an email it also takes the id: /affiliates/124, /referrals/501.
//
// POST /conversions takes occurred_at, an instant that is not in the future and not
// before 1970: when a sale that is told late, or that is imported, happened. The hold
// counts from there, and created_at shows it.
//
// PUT /conversions/{id} with reprice true computes the value again, from what the
// conversion is after the changes beside it, by the rules of its own time; value beside
// it is 400. A conversion that was recorded for nobody, and was given no value, is priced
// in the same way when affiliate_id first credits somebody; its customer, if there is one
// without an affiliate, then belongs to that affiliate.
//
// PUT /project takes name (only the present one: names are changed by whoever runs the
// server, and another is 403, code name_fixed), currency, commission, commission_duration,
// signup_commission, hold_days, minimum_payout, coupon_first, self_referral, touch
// ("last" or "first"), cookie_days (1 to 400), click_days (1 to 3650), landing_url
// (an http or https URL, or a path; null for none) and allowed_origins (an array that
// replaces the former one; [] for none), and changes what it names, all of it or
// nothing. A commission is a string: "8.25%" (up to four decimals), or a fixed amount
// such as "5.00", which like minimum_payout is in the currency that is in force after
// the change. A commission_duration is "lifetime", "first_purchase", or a number of
// months or payments such as "12 months", "6 payments".
//
// POST /rules takes affiliate_id or product or both, commission and
// commission_duration ("lifetime" when absent). The most specific rule prices a
// purchase: affiliate and product, then affiliate, then product, then the
// project. A rule whose affiliate and product already have one is its next version,
// with an id of its own. A deleted or replaced rule is gone; commissions that it set
// stay as they are.
//
// A refund's amount is the part of the base value that was given back now, in the
// conversion's currency. With a refund_reference, the app's own name for the refund, it
// counts once: the same one again changes nothing, for ever, and is 409 with another
// amount. Payment providers tell a refunded_total instead, all that was given back so
// far:
//
//	POST /refunds {"reference": "in_123", "refunded_total": 30, "told_at": "2026-03-02T10:00:00Z"}
//
// told_at is when that was so, at most a day ahead of the clock. Of all totals that of
// the latest instant counts, and at the same instant the larger one, so they may arrive
// in any order, and again. One without told_at counts as told now; if it is not above the
// last one told, or is below what is refunded, it changes nothing, unless lower is true.
// With neither amount nor refunded_total all that is left is refunded; of a free sale or a
// signup, whose base_value is 0 or null, that is the whole of it: its status is refunded
// and its refunded_amount stays 0. An app tells amounts or totals of a sale: where it does
// both, each is taken as it comes. More than is left is 400, and 409 where nothing is
// left; but with cap, and for a refunded_total, the rest is taken, and the answer has
// capped. What has changed nothing is 200 with unchanged.
//
// undo-refund is for a refund that did not happen, and deletes no entry: it undoes an
// amount, or the refund with a refund_reference (of which nothing more is undone than is
// still refunded; the second time nothing), or all. An amount, and a refunded_total that
// lowers what is refunded, undo first what was refunded without a refund_reference, then
// the refund of just that amount, or else the latest ones. While something is refunded,
// base_value must stay above it (400), and that of a refunded free sale cannot be raised
// (409).
//
// A ledger entry has id, kind, amount (a number), currency, available_at,
// created_at, conversion_id, payout_id and note, and where the call does not say whose
// it is, as in the answer to POST /adjustments and in explain, also affiliate_id.
// Entries are newest first in the ledger and in a payout, and in the order in
// which they were written in explain and in a statement.
//
// explain has decision, commission, entries and sentence. In decision, reason is one of
// affiliate_id, customer, coupon, referral_code, moved, or, when nobody was credited,
// none, affiliate_inactive, code_unknown or self_referral; candidates are all that were
// named, with what became of each: credited, outranked, inactive, unknown, ambiguous or
// refused; those of a repeated signup have repeated: true, and what a browser claimed
// has claimed: true. notes say what else there was: customer_conflict, with the field
// and the referred_user_id of the other customer, who has that name of the call and
// keeps it; email_unusable; and left_out, with the field of which something was left out
// or cut. In commission, reason is one of rule, customer_unknown, value_given,
// unattributed, beyond_duration and currency_mismatch. rule, scope ("project",
// "affiliate", "product" or "affiliate_product"), version, and of the inputs rate, fixed
// and rounding, are null where no rule was applied. Of the inputs, first_purchase_at is
// given for a rule of some months, earlier_purchases for one of the first purchase (how
// many came before), and other_payments for one of some payments (how many of the
// customer's other purchases, earlier and later ones, were payments when it was priced).
//
// Earnings are one object for each currency, the project's first, with amounts as
// strings. as_of asks for the answer that was true at an instant, which must not be in
// the future: it counts the entries made before it, and closed_until is that instant:
// none will be made before it any more. Without as_of it is null. payable is what a
// payout would pay then, eligible less what is reserved, and below 0 where there is a
// debt.
//
// paid in PUT /conversions/{id} settles by hand what is unsettled after everything else
// in the call, whatever it was before (where nothing is, that is no error), or takes
// back what was settled by hand. It is 409 with the field paid where that would not
// make it so: true while a pending payout reserves something of what is unsettled, and
// false where payouts have settled all that the conversion earned.
//
// A statement is an affiliate's account in one calendar month (UTC). opening and
// closing have total, paid, held and eligible in each currency, as strings. lines have,
// beside what a ledger entry has, by how much they change each of these: opening and
// the lines add up to closing. A payout is one line of the kind settlement, with its
// payout_id and its sum and without an id; the settlements that it consists of are in
// it, as settlements. What passed its hold in the month is a line of the kind release
// for each currency, the last ones. Once closed is true, closed_until is the end of the
// month, and the answer is the same byte for byte whenever it is asked. The first
// answers for an instant or a month after which nothing has been written yet wait for
// open transactions: they can be 503. A statement is written in pages, all of one
// instant; a long one has no Content-Length, and if it fails after its first byte, the
// connection ends without its end.
//
// A customer signs up once. A signup of a customer who has one that was not deleted makes
// none: the answer is 200 instead of 201, with the first one and repeated: true. A
// reference that it brings is not kept; one that a conversion has is 409 as always. Where
// the first one was recorded for nobody and this call leads to an affiliate, it is moved
// there; one that was moved to nobody afterwards stays there.
//
// DELETE and erase both remove what names a person, with every copy: events, which are
// not sent any more (in those about others erased-124 stands for the codes), stored
// answers, claims, clicks, decisions and notes. After a DELETE nothing is left of an
// affiliate but a line with its id and totals; erase keeps the books under the id. Then
// user_email is erased-124@erased.invalid, and the codes are shown as erased-124. A
// call whose stored answer named the person is 409 with the code erased when it is
// repeated. Nobody has the erased email any more: a second erase answers 200 by the id,
// and by the email with the same Idempotency-Key. Nothing new is theirs: a call that
// names an erased affiliate by id, to credit or to move something, is 409 erased too,
// and so is a merge with an erased referral. DELETE and erase of a referral by an email
// that no referral has is 404, and drops what a browser has claimed for it.
//
// A referral's external_id is the first of its external_ids. merge joins the referral
// from into the one of the path, which it answers with; from is 404 afterwards. Names and
// conversions move (but for an email, of which a referral has one); the affiliate of the
// path's referral stays, and otherwise that of from comes along. The books do not
// change, and no event tells of it. More than 500 conversions are moved in steps: after
// an error the same call goes on.
//
// An adjustment needs a note, and an amount other than 0: a negative one deducts.
// Without currency it is in the project's currency.
//
// POST /payouts makes pending payouts and answers 201 with a list of them, which may be
// empty; with preview true it makes none and answers 200 with those it would make, whose
// id and created_at are null. cutoff is an instant, or a day as in from and to, and not
// in the future; it defaults to now. minimum is in the run's currency, which defaults to
// the project's; without it a run in the project's currency has the project's
// minimum_payout, and one in another currency has none. affiliate_id or affiliate_ids (1
// to 500) say whom the run is for, and without (up to 500) whom it leaves out: an
// affiliate that does not exist is 404. Beside data is run, the object of the run, or
// null for a preview and where nothing was made without a key; and left_out, in the
// order of the affiliates, with affiliate_id, amount, and reason: below_minimum,
// negative, excluded (by without), paused (payouts_paused), or no_details, which leaves
// out only with details_only; otherwise a preview marks such a payout with no_details.
//
// Each payout is made in a transaction of its own: after an error, those that were made
// before it are in GET /payouts, and the next run makes the others. An Idempotency-Key
// belongs to the run, and is kept as long as the run. A repeated call goes on where it
// was interrupted, with the cut-off, currency and minimum of the beginning, and never
// comes back to an affiliate whom the run has passed; then it answers with the run's
// payouts as they are now, and in left_out with whom it would leave out now.
// Idempotent-Replayed is true where it made no payout. However many payouts there are,
// the answer is written in pages, all of one instant. POST /payouts/pay and
// /payouts/cancel judge each payout alone, and with a key go on in the same way: for
// each one there is id with status, or with error and code. One that is so already, with
// the same reference, is as it should be.
//
// A pending payout is paid or canceled, otherwise these calls are 409. paid_at, which
// defaults to now, must not be in the future. A paid one can come back: return needs a
// note, what the payout has settled is paid by the next run, and it is then final.
//
// PUT /affiliates takes payouts_paused, which is shown: runs leave the affiliate out, who
// goes on earning. payout_preferences, which POST takes too, has paypal_email,
// wise_details with accountId (the id of a saved recipient: a positive integer or a UUID)
// and email, and wise_name, a name for Wise's templates.
//
// A webhook's events default to referral_signed_up, referral_converted, referral_updated
// and referral_canceled; payout_updated and affiliate_updated go only to those that name
// them. Its status defaults to active. With payout_preferences false, what is sent has
// no payout preferences of affiliates. A url with a private, loopback or link-local
// address is 400, unless Options.PrivateWebhooks is set. Without secret, one is made; null
// means that nothing is signed. The secret is in the answers that make it,
// to POST /webhooks and to rotate, and in no other: they have secret, null for none.
// rotate makes a new one, and the former one signs alongside it for overlap_hours, 0 to
// 72 and 24 by default, until former_secret_until in the answer: so long the header
// X-Refgrow-Signature, which is one value, is that of the former secret. An
// inactive webhook gets nothing: what waits for it is canceled, test and replay are
// 409, and setting it to active sends nothing by itself. Deleting a webhook deletes its
// deliveries.
//
// test sends an event that did not happen, marked with "test": true, whatever
// events the webhook wants: referral_converted, unless event says otherwise. replay
// sends one delivery again, which has to be of this webhook, or with since everything
// from that instant on that the webhook wants, including what it already got. Both
// answer 202 before anything is sent: test and a delivery_id with the new delivery,
// since with the number of deliveries. A delivery's status is pending, succeeded,
// failed or canceled; response_status and error are those of the last attempt. What is
// sent, and when, is in the documentation of the package webhook.
//
// POST /clicks takes one click, or a list of 1 to 500 as clicks, never both. ip_address
// is the visitor's, without a port; it is kept only as a hash, and without one repeats
// are not noticed. A list is recorded in one transaction, as if the clicks had come one
// after another. The answer is 202 with counted and ignored. A click is ignored, which
// is not an error, when its code is unknown or leads to no active affiliate, when its
// user_agent is a bot's, or when it repeats one from the same address to the same
// affiliate within 30 minutes. No click is refused for what a browser says about
// itself: url, referrer and user_agent may be empty, and are cut to 2048, 2048 and 512
// bytes. A click's time is that of the call.
//
// GET /statistics has one object for each UTC day, the earliest first, including days
// on which nothing happened: date, clicks, signups, purchases, and earnings, one amount
// as a string for each currency in which the total earnings changed that day,
// which may be below 0. What a conversion earns counts on its own day (created_at),
// however late it was recorded, and what changes it later on the day of the change;
// as_of, in contrast, goes by when it was written down, and so finds an imported sale
// from the day of the import on. It has the days that from (inclusive) and to (exclusive)
// touch, at most 366 of them: an instant in the middle of a day includes that day. to
// defaults to the end of today, from to 30 days before to. With an unknown affiliate_id
// the list is empty, as it is for the filters of every list.
//
// # Files
//
// GET /payouts/export, and a statement with format=csv, answer with text/csv in
// UTF-8 and a Content-Disposition with a file name; errors are JSON there too. The
// export has the pending payouts in one currency, in the order of their ids. A currency
// that the service does not take is 400, with the list of those that it does.
// X-Payouts-Left-Out counts those that are not in it because the affiliate lacks the
// preference that the service needs (wise: an account id; wise_email: an email), or
// because the amount has more decimals than the currency has there: nothing is rounded.
// A file has at most 5,000 payouts for PayPal and 1,000 for Wise. X-Payouts-Parts is how
// many files it takes from there on, this one included; the next one is had with after,
// the X-Payouts-Last-Id of this one. An export pays nothing and changes nothing.
//
// # Bodies and queries
//
// All spellings that are tolerated are in the document, as x-tolerated, each with the
// call that it means.
//
// A body is one JSON object in UTF-8, before which a byte order mark may stand. Unknown
// fields, names in another case, names that occur twice, halves of surrogate pairs, more
// than 1000 fields in an object or 10,000 values in all, and nesting deeper than 32 are
// errors. In a query, unknown and repeated parameters are errors, on every method; an
// empty one is an absent one, but an empty reference, external_id, email or referral_code
// finds nothing, and those that begin with _, which get around caches, are ignored.
// Options.IgnoreUnknown lets unknown fields and parameters pass, names them in the
// answer's Refgrow-Ignored, and takes a limit above 500 as 500. A body on a GET or a
// DELETE is ignored.
//
// No sale is lost over what merely decorates or credits it. In POST /conversions the
// fields referral_code, coupon_code_used, email, external_id, product and url are
// tolerant: an empty text is absent, a number is its digits, true, false, lists and
// objects are left out, blanks around are trimmed, and control characters left out. A
// code that cannot exist leads to nobody; codes and products are recorded up to 255
// characters, and a product that was longer matches no rule; an external_id that is longer
// and an email that is no address are left out; of a url a user and a password are left
// out, its query stays (of a click's url and referrer only ref, via, sub and utm_* do), and
// it is cut at 2,048 bytes. Lists and objects may be as deep and as large as they like, and
// have names twice. Blanks around a reference are trimmed too. decision in explain notes
// what was left out or cut.
//
// A referral_code may be several codes, the newest first, with dots between them, as the
// cookie refgrow_ref_seen has them (package tracking): POST /conversions and POST /clicks
// take the newest that leads to an active affiliate, or with touch "first" the oldest, and
// look at 6 at most. So a backend passes on refgrow_ref_seen where the browser has it, and
// otherwise refgrow_ref_code. It is shown as sent, and explain has a candidate for each. A
// conversion's claim of a browser is used where none of these leads to anybody.
//
// In a new thing null is the same as absent, except for the secret of a webhook.
// In a change, null clears partner_slug, payout_preferences and what is in them,
// base_value, reference, coupon_code_used, a conversion's or a referral's
// affiliate_id, stripe_coupon_id, lemonsqueezy_discount_code and landing_url;
// elsewhere it is an error. An empty string, or one of blanks alone, is an error, except in
// a tolerant field and in what a click says about a browser. What payout_preferences does
// not name stays as it is.
//
// Where every field is optional, an absent body is an empty object. Content-Type is not
// looked at: what is sent is told apart by its bytes. Nothing is ever unpacked: a
// Content-Encoding other than identity is 415.
//
// Ids and numbers of days are integers written in digits alone: not 1.0, 1e0 or 01.
// Amounts are JSON numbers in any form, read from their digits. A number may also be
// sent as a string, "250.00", and a boolean as "true" or "false"; in a query True,
// False, 1 and 0 are taken too. Amounts of conversions are in base_value_currency;
// without it, in the project's currency in a new conversion, and in the conversion's
// own in a change.
//
// An instant is RFC 3339; one without a zone is in UTC, and in a query the + of a zone
// need not be escaped. A plain date means its first instant, UTC; exactly 10 digits are
// Unix seconds and exactly 13 milliseconds, in a body also as a number. No other number
// is a time.
//
// # Emails
//
// An email is kept, shown and found in one form: in the local part ASCII letters are in
// lower case, and nothing else is folded, in Unicode's NFC; the domain is in its ASCII form
// by UTS 46, so that müller.de and xn--mller-kva.de are one. Invisible characters, and
// letters that would become ASCII ones, make no address. Consecutive dots and a dot at the
// end of the local part are taken in a customer's email only.
//
// # Lists
//
// limit is 1 to 500. With cursor, total is null and offset is 0; a cursor belongs to
// the project, the list and the filters it was made with, but not to the limit. The
// limit's default is 20 for affiliates and referrals, otherwise 50.
//
// An affiliate's earnings fields are in the project's currency. When there are
// earnings in other currencies, earnings_by_currency has one object for each of those
// currencies. The three fields of the hold are present when the project has a hold, or
// when the affiliate has held earnings in any currency.
//
// # Idempotency-Key
//
// Any POST takes it; elsewhere the header is ignored. The same key, path and body, byte
// for byte, get the same answer, byte for byte, for 24 hours, with
// Idempotent-Replayed: true. A body that is invalid by itself is 400 even if the key
// was used with another one. An answer that shows a secret is not kept: the same call
// again is 409, with the id of the webhook as id, and makes no other one. A preview is
// worked out anew each time. Of the answers to a key 64 MiB are kept, of which the oldest
// go first. A call whose answer went does nothing when it is sent again, and is answered
// with what it had made or changed, as that is now; where nothing shows that, it is 409,
// with its id if there is one.
//
// # Limits
//
// A key has 100 requests a minute (Options.RateLimit), whatever their outcome, in a
// window that begins with its first one. X-RateLimit-Reset is the first whole second
// after the window. Windows are kept in memory; with more than 10,000 keys in one
// minute some are counted from 0 again. A clock that is set back begins a new window.
// Where there is no limit the headers have a million.
//
// At once a key has at most two reads of lists, statements or statistics under way, and
// one call that takes long by its nature: a run of payouts, an export, a replay, a
// deletion. Further ones wait, up to 5 seconds, then they are 429. Each statement of a
// read has 5 seconds (Options.Timeout); a long answer has them for each of its pages.
//
// A key records at most 10,000 clicks a minute; beyond that POST /clicks is 429.
//
// An address has 60 failed authentications a minute, regained one a second; beyond
// that, failures are 429. The headers of a 401 are about the address's failures: reset
// is when all 60 are available again. IPv6 addresses are counted by their first 64
// bits. A valid key is never refused for others' failures.
package httpapi

// Package refgrow keeps affiliate programs in a database of SQLite or PostgreSQL: who
// referred whom, what that earned, and why. It is a library first; the packages httpapi
// and cmd/refgrow put the documented REST API of Refgrow on top of it. It is an
// independent implementation and not affiliated with Refgrow.
//
// # Start
//
// A first conversion, with the errors left out:
//
//	ctx := context.Background()
//	db, err := sqlite.Open(ctx, "refgrow.db", sqlite.Options{})
//	engine, err := refgrow.New(ctx, db, refgrow.Config{})
//	shop, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{
//		Commission: refgrow.Percent("20"), HoldDays: 30})
//	jane, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
//		Email: "jane@example.com", ReferralCode: "JANE"})
//	sale, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
//		Type: refgrow.Purchase, ReferralCode: "JANE", Reference: "in_123",
//		Customer:  refgrow.Customer{ExternalID: "u_17", Email: "carl@example.com"},
//		BaseValue: money.MustParse("49.00 USD")})
//	fmt.Println(sale.Value, sale.Status)       // 9.80 USD held
//	earned, err := shop.Earnings(ctx, jane.ID) // a balance for each currency
//
// An [Engine] lives in a [Store]: a file of its own (package sqlite), or a database
// that the app already has ([SQLite], [Postgres]). [Engine.EnsureProject] returns the
// [Project], which has what an app calls about people and money;
// [Project.ApplySettings] keeps its settings in code.
//
// # In an app
//
//   - Background: go engine.Run(ctx) does the upkeep ([Engine.Run]); a webhook.Worker
//     sends events. At the end, after the last request, [Engine.Close] writes the
//     clicks that are queued; then the database is closed.
//   - The app's own transaction: shop.WithTx(tx).RecordConversion(ctx, params) commits
//     or rolls back with the order ([Project.WithTx]).
//   - Once only: with a Reference a sale counts once. The same one again is
//     [ErrExists], with the id of the conversion in [Error].ID.
//   - The app's own names: [Project.ConversionByReference], [Project.AffiliateByEmail],
//     [Project.AffiliateByCode], [Project.ReferralByEmail],
//     [Project.ReferralByExternalID], [Project.CouponByCode].
//   - Money back: [Project.RefundByReference]. Money out: [Project.RunPayouts], and
//     [Project.PayPayout] once it was paid.
//   - Why a sale was credited to somebody, or to nobody: [Project.ExplainConversion].
//   - In a server: package tracking for links and visitors, package httpapi for the
//     REST API, package webhook for events. In tests: package refgrowtest.
//
// Every resource has Create, Get, Update, Delete, List, Count and All methods, except
// that conversions are recorded ([Project.RecordConversion]). A List returns one
// [Page], an All walks all pages. Ids are never reused after a deletion, and there may
// be gaps.
//
// What operates a project is behind handles, bound to the same transaction as the
// project that they come from: [Project.Webhooks] has the endpoints of events and their
// deliveries, [Project.PayoutRuns] the runs of payouts, [Project.Insights] the search,
// [Project.Once] calls with a key of idempotency. [Engine.Outbox] is for workers.
//
// All methods are safe for concurrent use; a Project from WithTx or Atomic belongs
// to its transaction. Errors match [ErrNotFound], [ErrExists], [ErrConflict],
// [ErrInvalid], [ErrBusy] and [ErrClosed] with errors.Is; those that somebody can do
// something about are an [*Error], which names the field at fault as the REST API does.
//
// # Transactions
//
// Each method is one transaction and returns when it is committed, except that
// DeleteAffiliate goes on in steps after the one that hides the affiliate, and
// All methods fetch page by page. In a file of the engine's own, operations
// that arrive together are committed together.
//
// [Project.Atomic] does several operations, all or none, on any store; its function
// may be run more than once, one operation at a time, and calls through other
// handles of the engine are refused inside it. [Project.WithTx] writes inside a
// transaction of the app's own, so that an order and its commission commit or roll
// back together; call [Engine.Wake] after the commit. There, a transaction should
// write before it reads, or begin IMMEDIATE: one that has only read can get ErrBusy,
// and must then be repeated as a whole.
//
// # Words
//
// A project is one affiliate program; everything else belongs to exactly one, and
// an API key opens one. An affiliate refers customers, and has a referral code
// and, optionally, a partner slug and coupons. A referral is a customer, who
// belongs to an affiliate or to nobody. A conversion is what a customer did, a
// signup or a purchase: a purchase has a base value, which is the sale, and both
// have a value, which is the commission. A ledger entry is one line of an
// affiliate's account. A decision is the record of why a conversion was, or was
// not, credited to somebody.
//
// # Money
//
// An amount is a whole number of minor units of its currency (package money):
// never a float, and never rounded to fit. 12.345 USD is refused. A computed
// commission is rounded once, half away from zero, to the minor unit: 8.2 % of
// 102.50 is 8.41. Amounts from outside are 0 to 9 * 10^15 minor units, and no
// balance goes beyond 9 * 10^18.
//
// Currencies are never added together. The commission is in the currency of the
// sale; without a sale it is in the one that the call names, or else in the
// project's. An affiliate has one [Balance] for each currency.
//
// # Commissions
//
// A project has one rule for purchases and one for signups, in [Settings]: a
// percentage of the base value ([Percent]) or a fixed amount ([Fixed]). The one for
// purchases lasts for life, for the customer's first purchase, for N months from
// it, or for some payments ([CommissionDuration]). It is overridden with
// [Project.CreateRule]. The most specific rule wins:
//
//  1. the affiliate's rule for the product
//  2. the affiliate's
//  3. the product's
//  4. the project's
//
// Changing a rule makes a new version of it. Earlier conversions keep their
// commission, and the version and the inputs that made it, so that it can be
// explained ([Project.ExplainConversion]) and computed again. What a commission
// uses is read inside the transaction that writes it.
//
// A conversion is priced by the versions that were in force when it happened, however
// late it is told: a late delivery, an import, a late credit and a new price come out
// alike. The project's first version is for everything before it; an override is for
// nothing before it began. If the clock went back between changes, the one that was
// made last among those from an instant or before holds at that instant.
//
//   - Durations look at the customer's purchases that an affiliate is credited with,
//     whichever it is, and that had a base value above 0 or earned something: the
//     invoice of a free trial and a sale from before anybody referred the customer
//     begin nothing. The first purchase is the earliest of them that was not deleted; a
//     refunded one counts. Payments are those that still bring something, whether they
//     were before or after the sale that is priced: a refund in full frees the place,
//     and a sale told late finds the places taken. Months are calendar months in UTC: a
//     month after 31 January ends on the last day of February, at the same time of day.
//   - What was priced stays priced: a refund, its undoing or a move prices no other
//     conversion again.
//   - A purchase beyond the duration is recorded and earns 0
//     ([CommissionBeyondDuration]). One without a known customer counts as a first
//     one ([CommissionCustomerUnknown]).
//   - A value from the caller wins over the rule.
//   - A fixed commission earns nothing on a sale in another currency than the
//     project's ([CommissionOtherCurrency]).
//   - A conversion credited to nobody earns nothing, and has no price yet. It is priced
//     when it is first moved to an affiliate. A value given with it, or later, is kept
//     instead, even 0, and enters the books with that move.
//   - An edit changes what it names and nothing else: a new base value, type,
//     currency or affiliate does not recompute the value, unless that is asked for
//     (UpdateConversionParams.Reprice).
//
// # Attribution
//
// The customer is found first: by id, then the app's own id for it, then email. The
// first name that somebody has finds the customer. Other names of the call become names
// of that customer, who can have several external ids (the first one and at most
// [MaxExternalIDs] more) and one email; a further one is not kept. A name that another
// customer has stays there, and the decision notes it: no sale is refused for its
// names. [Project.MergeReferrals] joins two customers who are one person.
//
// A customer signs up once: a repeated signup makes no conversion, and returns the
// first one (see [Project.RecordConversion]). This is a rule of recording: a changed
// type or a merge may leave two.
//
// Then the first of these that names an affiliate gets the credit:
//
//  1. the affiliate that the call names, even an inactive one: the caller decides
//  2. the customer's own affiliate; if that one is inactive, nobody is credited
//  3. a coupon, by its code or else by a payment provider's id that names one
//     affiliate only; an unknown or inactive one is skipped
//  4. a referral code or partner slug, present or former, or what a browser claimed
//     ([Project.ClaimSignup]); where none of them leads to an active affiliate, the
//     search ends, so that a stale cookie never gives a sale to somebody else
//  5. nobody
//
// With Settings.CouponFirst, 3 comes before 2. A conversion that nobody is
// credited with is recorded all the same. One that is credited gives its
// affiliate to a customer who has none, and never replaces one.
//
// It is a self-referral if the email of the customer, or that of the call, is the
// affiliate's or an address that the affiliate is paid to. Case and +tags make no
// difference, nor do dots at gmail.com and googlemail.com, which are one. It is
// refused, and ends the search, unless Settings.SelfReferral says otherwise; at step 1
// it is only noted.
//
// Every decision is kept with all candidates, in the order in which they were
// judged, and what became of each: [Conversion.Decision].
//
// # The books
//
// The ledger is append-only: triggers in the database refuse to change, replace or
// delete an entry. Deleting a whole affiliate is the one exception. Balances are
// sums of entries, and for each affiliate, currency and instant
//
//	total = eligible + held + paid
//
// A commission is held until the conversion's time plus the project's hold has
// passed, and eligible from then on. A changed hold affects later conversions
// only. A changed value, a refund, and a deleted or moved conversion each post an
// entry for the difference, and nothing rewrites the past: what was taken back after
// it was paid makes eligible negative, and later earnings are netted against it.
//
// What takes something from a conversion takes what is unsettled, where it stands, the
// latest first; the rest is a debt that exists at once. What gives something first
// cancels such debts, the oldest first, and the rest is available when the commission
// is. So no conversion has, in one account, a debt beside something unsettled, and what
// is taken back and given again (a refund that is undone, a payment that was noted by
// mistake, a move and the move back) leaves held and eligible as they were. The one
// exception comes of payouts, which settle exactly what they reserved: where a
// conversion was changed while it was in a pending one, paying that can leave a debt at
// one instant and something unsettled at another, and the next run pays the difference.
//
// A refund takes back the same share of the commission as of the sale: what a
// conversion earns is its value less round(value * refunded / base value), so that
// parts that add up to the whole take back exactly the commission, in any order
// with edits ([Project.RefundConversion]). Of a free sale or a signup, a refund takes
// back the whole commission. What was given back is told as an amount, which counts
// once if it has a name of its own, or as the total so far, whichever order the totals
// arrive in; the sale may be named by its reference ([Project.RefundByReference]).
// Value and base value stay gross, and once something was refunded the base value
// stays above it: the rest of a sale is given back by a refund. A refund that did not
// happen is undone by further entries ([Project.UndoRefund]).
// [Project.CreateAdjustment] enters a bonus or a deduction, with a note.
//
// Within a project the instants of entries never go back, not even when the clock
// does. [Project.Earnings] with [AsOf] therefore returns the same answer for an
// earlier instant whenever it is asked. It counts the entries written before that
// instant. [Project.Statement] is an account in one month, from the balances at its
// beginning to those at its end, and never changes once the month is over.
// [Engine.Verify] recomputes every balance and counter from the rows it came from, and
// reports what differs.
//
// To keep its answer true, a question about an instant stores that instant as the
// project's last stamp, if it is later, and the answer says so (ClosedUntil): no entry
// is stamped before it any more. A question that is asked while the clock is wrong thus
// reaches into the future, and everything is stamped with that instant until the clock
// is there. A last stamp more than two minutes ahead of the clock is logged, and noted
// by [Engine.Verify] and [Engine.Ready]; [Engine.ResetStamp] brings it back to that of
// the newest entry, and keeps which instants that opens again. An entry that is itself
// ahead stays as it is.
//
// # Payouts
//
// [Project.RunPayouts] makes a pending [Payout] for each affiliate who has enough to
// be paid, in one currency, and reserves the ledger entries it is made of:
//
//   - those that are available by the cut-off,
//   - and, of those that are not, the entries of one conversion that become available
//     together and add up to less than 0, so that no debt is forgotten and nobody is
//     paid too much.
//
// Entries of one conversion and availability that add up to 0 are left out: a sale that
// is refunded within its hold changes nothing of a payout, and one that was settled by
// hand is in none.
//
// An entry is in one payout only: a run that is repeated, or runs alongside another
// one, pays nobody twice. [Project.PayPayout] notes that the payment was made and
// settles exactly its amount; [Project.CancelPayout] frees the entries; and
// [Project.ReturnPayout] notes that the payment came back, so that the next run pays it
// again. A run is kept as a [PayoutRun]: [PayoutRuns.Make] says whom it left out and
// why, can be for some affiliates or without some, and with a key goes on where it was
// interrupted. [PayoutRuns.MakeReport] makes the same run for very many, and lets them
// be read piece by piece. [Project.ExportPayouts] makes the files that PayPal and
// Wise take, each with the currencies, decimals and rows of its service, as read on 30
// November 2026; where that was read is in docs/payoutfiles.md. Runs leave out
// affiliates whose payouts are paused ([UpdateAffiliateParams]). The package never
// moves money.
//
// What happens to a conversion after its entries were reserved leaves the payout as
// it is, and the next one takes it into account.
//
// While a conversion brings its affiliate something, it counts as paid exactly when as
// much is settled, by hand and by payouts: a raised value, an undone refund or a move
// to somebody who was not paid make it unpaid. Paid in [UpdateConversionParams] settles
// what is unsettled by hand, or takes back what was settled so. While a conversion
// brings nothing, it is what a call has last said.
//
// # Events
//
// A project can have endpoints that want to hear of changes ([Project.Webhooks]).
// What their events need is written in the transaction of the change, including
// under WithTx: no change without its event, and no event without its change. A
// webhook.Worker delivers them. To send events some other way, use [Engine.Outbox].
//
//   - A recorded conversion is [EventReferralConverted] and [EventReferralUpdated], a
//     signup [EventReferralSignedUp] before them.
//   - A changed conversion, one that was refunded in part, and a changed customer
//     are [EventReferralUpdated], with the old and new values of what changed.
//   - A conversion that was refunded in full, or deleted, is [EventReferralCanceled].
//   - A customer that was created on its own, with an affiliate, is
//     [EventReferralSignedUp].
//   - A payout that is made, paid, canceled or returned is [EventPayoutUpdated], an
//     affiliate that is created, activated or deactivated [EventAffiliateUpdated]. Only
//     endpoints that name them get them. Their data is what the REST API retrieves.
//   - Deleting an affiliate or a customer, and a conversion that is recorded as
//     imported (RecordConversionParams.Imported), send no event.
//
// Nothing is written while a project has no endpoint; of payouts and affiliates, while
// none names their event. Events, and the log of their deliveries, are kept for 30
// days, and can be replayed. The secrets that sign them are encrypted under
// Config.SecretKey; without one they are stored in plain text.
//
// # Visits
//
// Package tracking is for an app's own server. However visits are reported, they end
// up here. [Project.QueueClick] never waits: it hands the click to the engine, which
// writes it soon after, together with others; [Project.RecordClicks] returns when the
// clicks are committed. [Project.TrackSignup] records a signup with the [Attribution]
// of its context.
//
// A click counts when its code or slug leads to an active affiliate, unless its user
// agent is that of a bot ([IsBot]), or its address came to the same affiliate within
// [RepeatWindow]. Addresses are stored only as hashes, under a random key that changes
// every UTC day and is deleted at the end of the day after. Single clicks are kept for
// Settings.ClickDays; after that only their number is, and no statistic changes.
//
// What a browser claims about a signup ([Project.ClaimSignup]) earns nothing, and is
// used once, as the referral code of a customer that is new.
//
// [Project.Statistics] describes each UTC day: the clicks, the conversions that were
// made on it and still exist, and by how much the earnings changed. Its numbers are
// maintained in the transaction of each change.
//
// Statistics go by when something happened, answers as of an instant by when it was
// written down. A sale of 5 January that is imported on 15 January, and earns 20.00, is
// in the statistics of 5 January: a purchase, and 20.00 earned. [Project.Earnings] as
// of 10 January does not have it, and never will, because nobody knew of it then; as of
// 16 January it does. If the sale is refunded on 20 January, the statistics of that day
// have -20.00, and those of 5 January stay. So does a bonus, an edit, or a move to
// another affiliate count on the day on which it is made.
//
// # Decisions
//
// Where the documented API leaves a choice, this is what happens:
//
//   - Times are UTC with milliseconds. Lists are newest first.
//   - Emails are stored in lower case. Codes are compared without regard to case and
//     shown as given. Referral codes and slugs share one namespace; a former code
//     keeps leading to its affiliate, and stays taken.
//   - A reference is unique in the project and free again after the deletion of its
//     conversion.
//   - Deleting an affiliate or a referred user leaves no copy of what names them:
//     not in events, stored answers, claims, clicks or decisions. An event that named
//     them is not sent any more, a repeated call whose answer named them is refused,
//     and the affiliate's codes lead to nobody, and are nobody else's, for CookieDays.
//     A record remains of an affiliate: its id, when it was, and the final totals.
//   - In a file of our own (package sqlite) what is deleted or erased is overwritten
//     (secure_delete), and the write-ahead log is emptied after it: at once, or, where
//     somebody reads it, by [Engine.Upkeep], which logs if it has to wait again. In an
//     app's own database both are the app's: PRAGMA secure_delete = ON on each of its
//     connections, and PRAGMA wal_checkpoint(TRUNCATE) after erasing.
//   - A purchase makes its customer converted, or direct when nobody is credited,
//     and sets the conversion date once. Deletions do not undo this.
//   - Moving a customer to another affiliate changes later conversions only.
//   - The affiliate of a conversion is fixed while a payout has settled or reserves
//     something of it, and its currency also while anything is settled by hand or
//     refunded. Where a payout's entries of it add up to 0, the payout has nothing.
//   - Overrides are for purchases. Creating one for an affiliate and a product that
//     already have one begins its next version. Those of a deleted affiliate end; the
//     versions stay, because conversions that were moved may be priced by them.
//   - The minimum of a payout is in the project's currency. Runs in other currencies
//     have the minimum that they are given.
//   - A conversion that is moved leaves what was settled for it by hand with the
//     affiliate who got it, as a debt, and takes along what was refunded.
//   - EnsureProject never changes the settings of an existing project: ApplySettings
//     does.
package refgrow

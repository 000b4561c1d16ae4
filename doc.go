// Package refgrow keeps affiliate programs in an SQLite database: who referred
// whom, what that earned, and why. It is a library first; the packages httpapi
// and cmd/refgrow put the documented REST API of Refgrow on top of it. It is an
// independent implementation and not affiliated with Refgrow.
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
// # Use
//
// An [Engine] lives in a [Store]: a file of its own (package sqlite), or a
// database that the app has already ([SQLite]). [Engine.EnsureProject] gives the
// [Project] that has all the methods. Every resource has Create, Get, Update,
// Delete, List, Count and All methods, except that conversions are recorded
// ([Project.RecordConversion]). A List gives one [Page], an All walks all pages.
// Ids are never used again after a deletion, and there may be gaps.
//
// All methods are safe for concurrent use; a Project that WithTx or Atomic gave
// belongs to its transaction. Errors answer errors.Is with
// [ErrNotFound], [ErrConflict], [ErrInvalid], [ErrBusy] and [ErrClosed]; those
// that somebody can do something about are an [*Error], which names the field at
// fault as the REST API does.
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
// percentage of the base value ([Percent]) or a fixed amount ([Fixed]). That for
// purchases lasts for life, for the customer's first purchase, for some months from
// it, or for some payments ([CommissionDuration]). Overrides of it are made with
// [Project.CreateRule]. The most specific rule wins:
//
//  1. that of the affiliate and the product together
//  2. the affiliate's
//  3. the product's
//  4. the project's
//
// A change of a rule makes a new version of it. Earlier conversions keep their
// commission, and the version and the inputs that made it, so that it can be
// explained ([Project.ExplainConversion]) and computed again. What a commission
// uses is read inside the transaction that writes it.
//
//   - The first purchase is the customer's earliest one that was not deleted; a
//     refunded one counts. Payments are the purchases that earned more than 0.
//     Months are calendar months in UTC: a month after 31 January ends on the last
//     day of February, at the same time of day.
//   - A purchase beyond the duration is recorded and earns 0
//     ([CommissionBeyondDuration]). One without a known customer counts as a first
//     one ([CommissionCustomerUnknown]).
//   - A value that the caller gives wins over the rule.
//   - A fixed commission earns nothing on a sale in another currency than the
//     project's ([CommissionOtherCurrency]).
//   - A conversion credited to nobody earns nothing. A value given with one is kept,
//     and enters the books when the conversion is moved to an affiliate.
//   - An edit changes what it names and nothing else: a new base value, type,
//     currency or affiliate does not compute the value again.
//
// # Attribution
//
// The customer is found first, by id, the app's own id for it, or email; names
// that belong to different customers are refused. Then the first of these that
// names an affiliate gets the credit:
//
//  1. the affiliate that the call names, also an inactive one: the caller decides
//  2. the customer's own affiliate; an inactive one ends the search
//  3. a coupon, by its code or else by a payment provider's id that names one
//     affiliate only; an unknown or inactive one is skipped
//  4. a referral code or partner slug, present or former; an unknown or inactive
//     one ends the search, so that a stale cookie never gives a sale to somebody else
//  5. nobody
//
// With Settings.CouponFirst, 3 comes before 2. A conversion that nobody is
// credited with is recorded all the same. One that is credited gives its
// affiliate to a customer who has none, and never replaces one.
//
// A customer whose email is the affiliate's, but for case and +tags, refers
// himself. That is refused, and ends the search, unless Settings.SelfReferral
// says otherwise; at step 1 it is only noted.
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
// only. A value that changes, a refund, a deleted or a moved conversion post an
// entry for the difference, and nothing rewrites the past: what was taken back after
// it was paid makes eligible negative, and later earnings are netted against it.
//
// A refund takes back the share of the commission that it is of the sale: what a
// conversion brings is its value less round(value * refunded / base value), so that
// parts that add up to the whole take back exactly the commission, in any order
// with edits ([Project.RefundConversion]). Value and base value stay gross. A refund
// that did not happen is undone by further entries ([Project.UndoRefund]).
// [Project.CreateAdjustment] enters a bonus or a deduction, with a note.
//
// Within a project the instants of entries never go back, not even when the clock
// does. [Project.Earnings] with [AsOf] therefore gives the same answer for an
// earlier instant whenever it is asked. It counts the entries written before that
// instant. [Project.Statement] gives the entries of a month, and never changes once
// that is over. [Engine.Verify] recomputes everything that is stored twice and
// reports what differs.
//
// # Payouts
//
// [Project.RunPayouts] makes a pending [Payout] for each affiliate who has enough to
// be paid, in one currency, and reserves the ledger entries it is made of:
//
//   - those that are available by the cut-off,
//   - and what was taken back, corrected or deducted, whenever that becomes
//     available, so that no debt is forgotten and nobody is paid too much. A
//     settlement by hand counts when what it settles does.
//
// An entry is in one payout only: a run that is repeated, or goes on beside another
// one, pays nobody twice. [Project.PayPayout] notes that the payment was made and
// settles exactly its amount; [Project.CancelPayout] frees the entries.
// [Project.ExportPayouts] makes the files that PayPal and Wise take. The package never
// moves money.
//
// What happens to a conversion after its entries were reserved leaves the payout as
// it is, and the next one takes it into account. A conversion counts as paid once a
// payout has paid something for it; that cannot be changed by hand then.
//
// # Events
//
// A project can have endpoints that want to hear of changes ([Project.CreateWebhook]).
// What is needed to tell them is written in the transaction of the change, also
// under WithTx: no change without its event, and no event without its change. A
// webhook.Worker delivers it; [Engine.ClaimDeliveries] and its neighbours are for who
// wants to send events some other way.
//
//   - A recorded conversion is [EventReferralConverted] and [EventReferralUpdated], a
//     signup [EventReferralSignedUp] before them.
//   - A changed conversion, one that was refunded in part, and a changed customer
//     are [EventReferralUpdated], with the old and new values of what changed.
//   - A conversion that was refunded in full, or deleted, is [EventReferralCanceled].
//   - A customer that was created on its own, with an affiliate, is
//     [EventReferralSignedUp].
//   - The deletion of an affiliate or a customer and the payment of a payout are none.
//
// Nothing is written while a project has no endpoint. Events, and the log of their
// deliveries, are kept 30 days, and can be replayed. The secrets that sign them are
// encrypted under Config.SecretKey; without one they are stored as they are.
//
// # Visits
//
// Package tracking is for an app's own server. Whatever tells of visits, what is
// behind it is here: [Project.QueueClick] never waits, and hands a click to the engine,
// which writes it soon after together with others; [Project.RecordClicks] returns when
// they are committed. [Project.TrackSignup] records a signup with the [Attribution] of
// its context.
//
// A click counts when its code or slug leads to an active affiliate, unless its user
// agent is that of a bot ([IsBot]), or its address came to the same affiliate within
// [RepeatWindow]. Addresses are stored as hashes alone, under a random key that changes
// every UTC day and is deleted at the end of the day after. Single clicks are kept for
// Settings.ClickDays; then only their number is, and no statistic changes.
//
// What a browser claims of a signup ([Project.ClaimSignup]) earns nothing, and is used
// once, as the referral code of a customer that is new.
//
// [Project.Statistics] tells of each UTC day: the clicks, the conversions that were
// made on it and still exist, and by how much the ledger entries written on it changed
// the earnings. Its numbers are maintained in the transaction of each change.
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
// transaction of the app's own, so that an order and its commission commit or roll back together;
// call [Engine.Wake] after the commit. There, a transaction should write before it
// reads, or begin IMMEDIATE: one that has only read can get ErrBusy, and must then
// be repeated whole.
//
// # Decisions
//
// What else the documented API leaves open is decided like this:
//
//   - Times are UTC with milliseconds. Lists are newest first.
//   - Emails are stored in lower case. Codes are compared without regard to case and
//     shown as given. Referral codes and slugs share one namespace; a code that
//     was changed keeps leading to its affiliate, and stays taken.
//   - A reference is unique in the project and free again after the deletion of its
//     conversion.
//   - A purchase makes its customer converted, or direct when nobody is credited,
//     and sets the conversion date once. Deletions set nothing back.
//   - Moving a customer to another affiliate changes later conversions only.
//   - The affiliate or the currency of a conversion is fixed once any of it is
//     settled, reserved by a payout or refunded.
//   - Overrides are for purchases. Creating one for an affiliate and a product that
//     have one already begins its next version. Those of a deleted affiliate end; the
//     versions stay, because conversions that were moved may be priced by them.
//   - The minimum of a payout is in the project's currency. Runs in others have the
//     one that they are given.
//   - A conversion that is marked as paid stays so when its value is raised later; the
//     difference is unpaid.
//   - EnsureProject never changes the settings of a project that is there.
package refgrow

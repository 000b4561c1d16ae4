-- The whole current schema. Every table is STRICT and named refgrow_*, because
-- it may live in somebody else's database. Times are Unix milliseconds (UTC),
-- amounts are minor units of the row's currency, booleans are 0 and 1. Ids are
-- AUTOINCREMENT, so that one is never used again after its row was deleted.

CREATE TABLE refgrow_projects (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL UNIQUE,
    currency       TEXT NOT NULL,
    hold_days      INTEGER NOT NULL CHECK (hold_days BETWEEN 0 AND 365),
    coupon_first   INTEGER NOT NULL CHECK (coupon_first IN (0, 1)),
    self_referral  TEXT NOT NULL CHECK (self_referral IN ('refuse', 'flag', 'allow')),
    created_at     INTEGER NOT NULL,
    minimum_payout INTEGER NOT NULL DEFAULT 0 CHECK (minimum_payout BETWEEN 0 AND 9000000000000000),
    touch          TEXT NOT NULL DEFAULT 'last' CHECK (touch IN ('last', 'first')),
    cookie_days    INTEGER NOT NULL DEFAULT 60 CHECK (cookie_days BETWEEN 1 AND 400),
    click_days     INTEGER NOT NULL DEFAULT 90 CHECK (click_days BETWEEN 1 AND 3650),
    landing_url    TEXT,
    origins        TEXT NOT NULL DEFAULT '[]'
) STRICT;

-- What lists and settings need to know of a whole project, maintained in the
-- transaction of each change. Ledger entries are stamped with an instant that
-- never goes back: no further one will have an earlier one than last_stamp, which
-- is that of the newest conversion or entry, or a later one that somebody asked about.
-- It is only brought back by a row of refgrow_stamp_resets: unfinished_reset is the id of
-- that one while accounts may still be rolled beyond it, and otherwise 0.
-- The entries up to the id old_entries_to were made available by the rules of an
-- earlier version.
CREATE TABLE refgrow_project_totals (
    project_id              INTEGER PRIMARY KEY REFERENCES refgrow_projects (id),
    last_stamp              INTEGER NOT NULL DEFAULT 0,
    ledger_entries          INTEGER NOT NULL DEFAULT 0,
    affiliates_active       INTEGER NOT NULL DEFAULT 0,
    affiliates_inactive     INTEGER NOT NULL DEFAULT 0,
    coupons_active          INTEGER NOT NULL DEFAULT 0,
    coupons_inactive        INTEGER NOT NULL DEFAULT 0,
    referrals_pending       INTEGER NOT NULL DEFAULT 0,
    referrals_converted     INTEGER NOT NULL DEFAULT 0,
    referrals_direct        INTEGER NOT NULL DEFAULT 0,
    referrals_direct_signup INTEGER NOT NULL DEFAULT 0,
    signups_unpaid          INTEGER NOT NULL DEFAULT 0,
    signups_paid            INTEGER NOT NULL DEFAULT 0,
    purchases_unpaid        INTEGER NOT NULL DEFAULT 0,
    purchases_paid          INTEGER NOT NULL DEFAULT 0,
    payouts_pending         INTEGER NOT NULL DEFAULT 0,
    payouts_paid            INTEGER NOT NULL DEFAULT 0,
    payouts_canceled        INTEGER NOT NULL DEFAULT 0,
    claims                  INTEGER NOT NULL DEFAULT 0,
    old_entries_to          INTEGER NOT NULL DEFAULT 0,
    payouts_returned        INTEGER NOT NULL DEFAULT 0,
    unfinished_reset        INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Each time that the last stamp was brought back after a leap of the clock. The instants
-- after to_stamp, up to from_stamp, are open again.
CREATE TABLE refgrow_stamp_resets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id  INTEGER NOT NULL REFERENCES refgrow_projects (id),
    from_stamp  INTEGER NOT NULL,
    to_stamp    INTEGER NOT NULL CHECK (to_stamp < from_stamp),
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;

CREATE INDEX refgrow_stamp_resets_of_project ON refgrow_stamp_resets (project_id);

-- Each row is one version of one rule and never changes, but for its end. A
-- rule of the whole project has neither affiliate nor product; the others are
-- overrides. rate is in millionths (20 % = 200000), amount in minor units.
CREATE TABLE refgrow_commission_rules (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id      INTEGER NOT NULL REFERENCES refgrow_projects (id),
    conversion_type TEXT NOT NULL CHECK (conversion_type IN ('purchase', 'signup')),
    affiliate_id    INTEGER,
    product         TEXT,
    version         INTEGER NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('percent', 'fixed')),
    rate            INTEGER NOT NULL CHECK (rate BETWEEN 0 AND 1000000),
    amount          INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9000000000000000),
    currency        TEXT NOT NULL,
    duration        TEXT NOT NULL CHECK (duration IN ('lifetime', 'first_purchase', 'months', 'payments')),
    duration_count  INTEGER NOT NULL CHECK (duration_count >= 0),
    created_at      INTEGER NOT NULL,
    ended_at        INTEGER
) STRICT;

CREATE UNIQUE INDEX refgrow_commission_rules_in_force ON refgrow_commission_rules
    (project_id, conversion_type, COALESCE(affiliate_id, 0), COALESCE(product, '')) WHERE ended_at IS NULL;

CREATE UNIQUE INDEX refgrow_commission_rules_versions ON refgrow_commission_rules
    (project_id, conversion_type, COALESCE(affiliate_id, 0), COALESCE(product, ''), version);

CREATE INDEX refgrow_commission_rules_overrides ON refgrow_commission_rules (project_id, created_at)
    WHERE ended_at IS NULL AND (affiliate_id IS NOT NULL OR product IS NOT NULL);
CREATE INDEX refgrow_commission_rules_by_affiliate ON refgrow_commission_rules (affiliate_id) WHERE affiliate_id IS NOT NULL;

-- An affiliate whose deleted_at is set is being deleted: nothing shows it any
-- more, and its rows elsewhere go in steps before its own.
CREATE TABLE refgrow_affiliates (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id      INTEGER NOT NULL REFERENCES refgrow_projects (id),
    email           TEXT NOT NULL,
    referral_code   TEXT NOT NULL,
    partner_slug    TEXT,
    status          TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    paypal_email    TEXT,
    wise_account_id TEXT,
    wise_email      TEXT,
    clicks          INTEGER NOT NULL DEFAULT 0 CHECK (clicks >= 0),
    created_at      INTEGER NOT NULL,
    deleted_at      INTEGER,
    wise_name       TEXT,
    payouts_paused  INTEGER NOT NULL DEFAULT 0 CHECK (payouts_paused IN (0, 1)) -- runs leave it out
) STRICT;

CREATE UNIQUE INDEX refgrow_affiliates_by_email ON refgrow_affiliates (project_id, email) WHERE deleted_at IS NULL;
CREATE INDEX refgrow_affiliates_by_time ON refgrow_affiliates (project_id, created_at, id, status) WHERE deleted_at IS NULL;
CREATE INDEX refgrow_affiliates_in_deletion ON refgrow_affiliates (deleted_at) WHERE deleted_at IS NOT NULL;

-- Referral codes and partner slugs, in lower case: the present ones of every
-- affiliate and all that it had before.
CREATE TABLE refgrow_codes (
    project_id   INTEGER NOT NULL,
    code         TEXT NOT NULL,
    affiliate_id INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    PRIMARY KEY (project_id, code)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_codes_by_affiliate ON refgrow_codes (affiliate_id);

CREATE TABLE refgrow_coupons (
    id                         INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id                 INTEGER NOT NULL REFERENCES refgrow_projects (id),
    affiliate_id               INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    code                       TEXT NOT NULL,
    code_key                   TEXT NOT NULL, -- code in lower case
    stripe_coupon_id           TEXT,
    lemonsqueezy_discount_code TEXT,
    status                     TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    created_at                 INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX refgrow_coupons_by_code ON refgrow_coupons (project_id, code_key);
CREATE INDEX refgrow_coupons_by_time ON refgrow_coupons (project_id, created_at, id, status, code_key);
CREATE INDEX refgrow_coupons_by_affiliate ON refgrow_coupons (affiliate_id, created_at, id, status, code_key);
CREATE INDEX refgrow_coupons_by_stripe ON refgrow_coupons (project_id, stripe_coupon_id) WHERE stripe_coupon_id IS NOT NULL;
CREATE INDEX refgrow_coupons_by_lemonsqueezy ON refgrow_coupons (project_id, lemonsqueezy_discount_code)
    WHERE lemonsqueezy_discount_code IS NOT NULL;

CREATE TABLE refgrow_referrals (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id      INTEGER NOT NULL REFERENCES refgrow_projects (id),
    email           TEXT,
    external_id     TEXT,
    affiliate_id    INTEGER REFERENCES refgrow_affiliates (id),
    status          TEXT NOT NULL CHECK (status IN ('pending', 'converted', 'direct', 'direct_signup')),
    conversion_date INTEGER,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX refgrow_referrals_by_email ON refgrow_referrals (project_id, email) WHERE email IS NOT NULL;
CREATE UNIQUE INDEX refgrow_referrals_by_external_id ON refgrow_referrals (project_id, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX refgrow_referrals_by_time ON refgrow_referrals (project_id, created_at, id, status);
CREATE INDEX refgrow_referrals_by_affiliate ON refgrow_referrals (affiliate_id, created_at, id, status) WHERE affiliate_id IS NOT NULL;

-- The further external ids of customers, in the order in which they came: the first
-- one of each is in its own row. No id is in both.
CREATE TABLE refgrow_external_ids (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id  INTEGER NOT NULL,
    external_id TEXT NOT NULL,
    referral_id INTEGER NOT NULL REFERENCES refgrow_referrals (id)
) STRICT;

CREATE UNIQUE INDEX refgrow_external_ids_by_external_id ON refgrow_external_ids (project_id, external_id);
CREATE INDEX refgrow_external_ids_by_referral ON refgrow_external_ids (referral_id);

-- A conversion with its decision (reason, candidates, notes) and with what made its
-- commission (the rule's id and version, and what it was applied to: for a rule
-- with an end, also when the customer's first purchase was, or how many there
-- were before). currency
-- is that of both amounts; currency_given tells whether the caller named it.
-- available_at is fixed when the conversion is recorded: its time and the hold
-- of that day. reversed says that a conversion whose base value is 0 or absent was
-- refunded: then refunded stays 0.
CREATE TABLE refgrow_conversions (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id        INTEGER NOT NULL REFERENCES refgrow_projects (id),
    type              TEXT NOT NULL CHECK (type IN ('purchase', 'signup')),
    affiliate_id      INTEGER REFERENCES refgrow_affiliates (id),
    referral_id       INTEGER REFERENCES refgrow_referrals (id),
    currency          TEXT NOT NULL,
    currency_given    INTEGER NOT NULL CHECK (currency_given IN (0, 1)),
    value             INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9000000000000000),
    base_value        INTEGER CHECK (base_value BETWEEN 0 AND 9000000000000000),
    refunded          INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND 9000000000000000),
    paid              INTEGER NOT NULL CHECK (paid IN (0, 1)),
    reference         TEXT,
    coupon_code       TEXT,
    referral_code     TEXT,
    product           TEXT,
    url               TEXT,
    reason            TEXT NOT NULL,
    candidates        TEXT NOT NULL,
    commission_reason TEXT NOT NULL,
    rule_id           INTEGER,
    rule_version      INTEGER,
    priced_base_value INTEGER,
    priced_currency   TEXT NOT NULL,
    priced_value      INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    available_at      INTEGER NOT NULL,
    priced_first_at   INTEGER,
    priced_before     INTEGER,
    notes             TEXT,
    reversed          INTEGER NOT NULL DEFAULT 0 CHECK (reversed IN (0, 1))
) STRICT;

-- Lists are narrowed by these indexes alone: a page's rows are all that is read of the
-- table. So it is with those of other tables that end in a status.
CREATE UNIQUE INDEX refgrow_conversions_by_reference ON refgrow_conversions (project_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX refgrow_conversions_by_time ON refgrow_conversions (project_id, created_at, id, (type = 'signup'), paid);
CREATE INDEX refgrow_conversions_by_affiliate ON refgrow_conversions (affiliate_id, created_at, id, (type = 'signup'), paid) WHERE affiliate_id IS NOT NULL;
CREATE INDEX refgrow_conversions_by_referral ON refgrow_conversions (referral_id, created_at, id, (type = 'signup'), paid, affiliate_id) WHERE referral_id IS NOT NULL;
-- A customer signs up once.
CREATE INDEX refgrow_conversions_signups ON refgrow_conversions (referral_id, created_at)
    WHERE type = 'signup' AND referral_id IS NOT NULL;

-- Refunds that have a reference of their own, each of which counts once. amount is what
-- was told; taken is what it took and was not undone since, 1 for the whole of a free
-- sale. What those that were not undone took is at most what is refunded.
CREATE TABLE refgrow_refunds (
    conversion_id INTEGER NOT NULL REFERENCES refgrow_conversions (id),
    reference     TEXT NOT NULL,
    project_id    INTEGER NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9000000000000000),
    taken         INTEGER NOT NULL CHECK (taken BETWEEN 0 AND 9000000000000000),
    created_at    INTEGER NOT NULL,
    undone_at     INTEGER,
    PRIMARY KEY (conversion_id, reference)
) STRICT, WITHOUT ROWID;

-- Of all totals that were told of a conversion's refunds, the one that counts: that of
-- the latest instant.
CREATE TABLE refgrow_refund_totals (
    conversion_id INTEGER PRIMARY KEY REFERENCES refgrow_conversions (id),
    project_id    INTEGER NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount BETWEEN 0 AND 9000000000000000),
    told_at       INTEGER NOT NULL
) STRICT;

-- The books. created_at is the stamp: it never goes back within a project.
-- conversion_id and payout_id may name rows that are deleted by now. What a payout has
-- settled belongs to it, unless it is returned: what came back belongs to no payout
-- until one reserves it. day is the UTC day that a commission counts on in the
-- statistics, since 1970, where it was recorded later than on that day; everything else
-- counts on the day of its stamp.
CREATE TABLE refgrow_ledger_entries (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id    INTEGER NOT NULL,
    affiliate_id  INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency      TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('commission', 'correction', 'reversal', 'adjustment', 'settlement')),
    amount        INTEGER NOT NULL CHECK (amount <> 0 AND amount BETWEEN -9000000000000000 AND 9000000000000000),
    available_at  INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    conversion_id INTEGER,
    payout_id     INTEGER,
    note          TEXT,
    returned      INTEGER NOT NULL DEFAULT 0 CHECK (returned IN (0, 1)),
    day           INTEGER
) STRICT;

CREATE INDEX refgrow_ledger_by_affiliate ON refgrow_ledger_entries (affiliate_id);
CREATE INDEX refgrow_ledger_by_conversion ON refgrow_ledger_entries (conversion_id) WHERE conversion_id IS NOT NULL;
-- Only entries that were not available when they were written ever change a
-- balance by the mere passing of time.
CREATE INDEX refgrow_ledger_releases ON refgrow_ledger_entries (affiliate_id, currency, available_at, amount)
    WHERE available_at > created_at;

-- The one exception: a person who is being erased or deleted, and the customers of an
-- affiliate who is being deleted, are in no note.
CREATE TRIGGER refgrow_ledger_no_update BEFORE UPDATE ON refgrow_ledger_entries
WHEN NEW.note IS NOT NULL OR NEW.id <> OLD.id OR NEW.project_id <> OLD.project_id OR NEW.affiliate_id <> OLD.affiliate_id
    OR NEW.currency <> OLD.currency OR NEW.kind <> OLD.kind OR NEW.amount <> OLD.amount OR NEW.available_at <> OLD.available_at
    OR NEW.created_at <> OLD.created_at OR NEW.conversion_id IS NOT OLD.conversion_id OR NEW.payout_id IS NOT OLD.payout_id
    OR NEW.returned <> OLD.returned OR NEW.day IS NOT OLD.day
    OR NOT EXISTS (
        SELECT 1 FROM refgrow_erasures x WHERE x.project_id = OLD.project_id AND (x.affiliate_id = OLD.affiliate_id
            OR EXISTS (SELECT 1 FROM refgrow_conversions c JOIN refgrow_referrals r ON r.id = c.referral_id
                WHERE c.id = OLD.conversion_id AND (r.id = x.referral_id OR x.deletes = 1 AND r.affiliate_id = x.affiliate_id))
            OR EXISTS (SELECT 1 FROM refgrow_deleted_conversions d JOIN refgrow_referrals r ON r.id = d.referral_id
                WHERE d.conversion_id = OLD.conversion_id
                    AND (r.id = x.referral_id OR x.deletes = 1 AND r.affiliate_id = x.affiliate_id))))
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never changed');
END;

-- The one exception: everything of an affiliate that is being deleted goes.
CREATE TRIGGER refgrow_ledger_no_delete BEFORE DELETE ON refgrow_ledger_entries
WHEN NOT EXISTS (SELECT 1 FROM refgrow_affiliates WHERE id = OLD.affiliate_id AND deleted_at IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never deleted');
END;

-- INSERT OR REPLACE would pass the two triggers above.
CREATE TRIGGER refgrow_ledger_no_replace BEFORE INSERT ON refgrow_ledger_entries
WHEN EXISTS (SELECT 1 FROM refgrow_ledger_entries WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never replaced');
END;

-- One row for each affiliate and currency, written together with the entries
-- it sums up. No balance is beyond 9 * 10^18. total and paid are final; eligible is as
-- of rolled_to and is rolled forward by the entries released since. next_release_at is
-- the first release after rolled_to, or NULL when nothing is left to be released.
-- reserved is the sum of the pending payouts. debts is what counts against a payout
-- although it is not available by rolled_to: what pending payouts reserve of it, and
-- each group of unreserved entries (of one conversion and availability) that adds up to
-- less than 0. It is 0 but in accounts from before payouts went by such groups. Groups
-- that do not add up to 0 have an unreserved entry after the one of the id cleared_to:
-- a payout need not look at what is cleared.
CREATE TABLE refgrow_accounts (
    affiliate_id    INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency        TEXT NOT NULL,
    project_id      INTEGER NOT NULL,
    total           INTEGER NOT NULL CHECK (total BETWEEN -9000000000000000000 AND 9000000000000000000),
    paid            INTEGER NOT NULL CHECK (paid BETWEEN -9000000000000000000 AND 9000000000000000000),
    eligible        INTEGER NOT NULL CHECK (eligible BETWEEN -9000000000000000000 AND 9000000000000000000),
    rolled_to       INTEGER NOT NULL,
    next_release_at INTEGER,
    signups         INTEGER NOT NULL,
    purchases       INTEGER NOT NULL,
    reserved        INTEGER NOT NULL DEFAULT 0,
    debts           INTEGER NOT NULL DEFAULT 0,
    cleared_to      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (affiliate_id, currency),
    CHECK (total - paid BETWEEN -9000000000000000000 AND 9000000000000000000),
    CHECK (total - paid - eligible BETWEEN -9000000000000000000 AND 9000000000000000000),
    CHECK (eligible - reserved BETWEEN -9000000000000000000 AND 9000000000000000000)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_accounts_by_currency ON refgrow_accounts (project_id, currency, affiliate_id);

-- One run of payouts: how many it made, and what they come to.
CREATE TABLE refgrow_payout_runs (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES refgrow_projects (id),
    created_at INTEGER NOT NULL,
    made_by    TEXT,
    cutoff     INTEGER NOT NULL,
    currency   TEXT NOT NULL,
    minimum    INTEGER NOT NULL CHECK (minimum BETWEEN 0 AND 9000000000000000),
    payouts    INTEGER NOT NULL DEFAULT 0 CHECK (payouts >= 0),
    total      INTEGER NOT NULL DEFAULT 0 CHECK (total BETWEEN 0 AND 9000000000000000000)
) STRICT;

CREATE INDEX refgrow_payout_runs_by_time ON refgrow_payout_runs (project_id, created_at);

-- Work on payouts in steps that was asked for with an Idempotency-Key: a run, or,
-- without run_id, payouts that are paid or canceled. Each step's transaction moves
-- the mark: past an affiliate of the run, or past so many of the payouts. refused is
-- JSON, what was refused of these. A key is kept as long as its work.
CREATE TABLE refgrow_payout_tasks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    key_hash     BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    run_id       INTEGER,
    mark         INTEGER NOT NULL CHECK (mark >= 0),
    done         INTEGER NOT NULL CHECK (done IN (0, 1)),
    refused      TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX refgrow_payout_tasks_by_key ON refgrow_payout_tasks (key_hash);

-- A payout pays one affiliate the entries it reserves. created_at, paid_at,
-- canceled_at and returned_at are stamps, as those of the entries: they never go
-- back. paid_on is when the payment was made, where somebody said so.
CREATE TABLE refgrow_payouts (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id         INTEGER NOT NULL REFERENCES refgrow_projects (id),
    affiliate_id       INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency           TEXT NOT NULL,
    amount             INTEGER NOT NULL CHECK (amount > 0),
    entry_count        INTEGER NOT NULL CHECK (entry_count > 0),
    cutoff             INTEGER NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'canceled', 'returned')),
    external_reference TEXT,
    created_at         INTEGER NOT NULL,
    paid_at            INTEGER,
    canceled_at        INTEGER,
    run_id             INTEGER REFERENCES refgrow_payout_runs (id),
    paid_on            INTEGER,
    returned_at        INTEGER,
    return_note        TEXT
) STRICT;

CREATE INDEX refgrow_payouts_by_time ON refgrow_payouts (project_id, created_at, id, status);
CREATE INDEX refgrow_payouts_by_affiliate ON refgrow_payouts (affiliate_id, created_at, id, status);
CREATE INDEX refgrow_payouts_by_run ON refgrow_payouts (run_id, created_at, id, status, affiliate_id) WHERE run_id IS NOT NULL;
CREATE INDEX refgrow_payouts_canceled ON refgrow_payouts (project_id, canceled_at) WHERE canceled_at IS NOT NULL;
CREATE INDEX refgrow_payouts_pending ON refgrow_payouts (project_id, currency) WHERE status = 'pending';

-- The entries of each payout. Those of a canceled one are not reserved any more:
-- an entry can be reserved by one payout only.
CREATE TABLE refgrow_payout_entries (
    entry_id  INTEGER NOT NULL REFERENCES refgrow_ledger_entries (id),
    payout_id INTEGER NOT NULL REFERENCES refgrow_payouts (id),
    reserved  INTEGER NOT NULL CHECK (reserved IN (0, 1)),
    PRIMARY KEY (entry_id, payout_id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX refgrow_payout_entries_reserved ON refgrow_payout_entries (entry_id) WHERE reserved = 1;
CREATE INDEX refgrow_payout_entries_by_payout ON refgrow_payout_entries (payout_id, entry_id);

-- public_id finds the row, secret_hash is bcrypt's, secret_check the first 8
-- bytes of the secret's SHA-256: bcrypt runs only after those bytes match.
CREATE TABLE refgrow_api_keys (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL REFERENCES refgrow_projects (id),
    name         TEXT NOT NULL,
    read_only    INTEGER NOT NULL CHECK (read_only IN (0, 1)),
    public_id    TEXT NOT NULL UNIQUE,
    secret_hash  TEXT NOT NULL,
    secret_check BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;

-- Answers of calls with an Idempotency-Key. key_hash covers the caller and the
-- key, request_hash the path and the body, caller_hash the caller. made_id is what the
-- call made.
CREATE TABLE refgrow_idempotency (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    key_hash     BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    caller_hash  INTEGER,
    made_id      INTEGER
) STRICT;

CREATE UNIQUE INDEX refgrow_idempotency_by_key ON refgrow_idempotency (key_hash);

-- What remains of a deleted affiliate: totals is JSON, an object for each currency.
CREATE TABLE refgrow_deletions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    affiliate_id INTEGER NOT NULL,
    deleted_at   INTEGER NOT NULL,
    totals       TEXT NOT NULL
) STRICT;

-- An affiliate or a customer who is being erased, or deleted with the rows (deletes): names
-- is JSON, what names the person, and empty at the end. The copies are looked for part by
-- part; mark, with mark_time in the part of the conversions, is how far this one has come.
-- last_answer and last_event are the ids that there were when it began.
CREATE TABLE refgrow_erasures (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    affiliate_id INTEGER,
    referral_id  INTEGER,
    deletes      INTEGER NOT NULL CHECK (deletes IN (0, 1)),
    names        TEXT NOT NULL,
    part         TEXT NOT NULL,
    mark_time    INTEGER NOT NULL,
    mark         INTEGER NOT NULL,
    last_answer  INTEGER NOT NULL,
    last_event   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    CHECK ((affiliate_id IS NULL) <> (referral_id IS NULL))
) STRICT;

-- Hashes of the codes and slugs of affiliates who are deleted: for as many days as cookies
-- last they stay in use, and lead to nobody.
CREATE TABLE refgrow_retired_codes (
    project_id   INTEGER NOT NULL,
    hash         BLOB NOT NULL,
    affiliate_id INTEGER NOT NULL,
    deleted_at   INTEGER,
    PRIMARY KEY (project_id, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_retired_codes_by_time ON refgrow_retired_codes (project_id, deleted_at) WHERE deleted_at IS NOT NULL;

-- Customers who were merged into others. Events and stored answers still have their ids.
CREATE TABLE refgrow_merged_referrals (
    referral_id INTEGER PRIMARY KEY,
    project_id  INTEGER NOT NULL,
    into_id     INTEGER NOT NULL
) STRICT;

CREATE INDEX refgrow_merged_referrals_by_customer ON refgrow_merged_referrals (into_id);

-- Whose the conversions were that are deleted, where their entries may have notes about the
-- customer.
CREATE TABLE refgrow_deleted_conversions (
    conversion_id INTEGER PRIMARY KEY,
    project_id    INTEGER NOT NULL,
    referral_id   INTEGER NOT NULL
) STRICT;

CREATE INDEX refgrow_deleted_conversions_by_customer ON refgrow_deleted_conversions (referral_id);

-- Emails and names of the app's own from before they had one form, until the engine has
-- brought them to it. One whose form another row has stays as it is, and here.
CREATE TABLE refgrow_old_names (
    id            INTEGER PRIMARY KEY,
    project_id    INTEGER NOT NULL,
    affiliate_id  INTEGER,
    referral_id   INTEGER,
    conversion_id INTEGER,
    CHECK ((affiliate_id IS NOT NULL) + (referral_id IS NOT NULL) + (conversion_id IS NOT NULL) = 1)
) STRICT;

CREATE INDEX refgrow_old_names_by_project ON refgrow_old_names (project_id, id);

-- Where events are sent. events is JSON, a sorted list of names; secret is NULL for
-- an endpoint without signatures, else its first byte tells how it is sealed. The
-- former secret signs too until former_until. By itself an endpoint gets the events
-- after starts_after, the last one there was when it was made or switched on.
CREATE TABLE refgrow_webhooks (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id         INTEGER NOT NULL REFERENCES refgrow_projects (id),
    url                TEXT NOT NULL,
    events             TEXT NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    secret             BLOB,
    former_secret      BLOB,
    former_until       INTEGER,
    last_success_at    INTEGER,
    starts_after       INTEGER NOT NULL,
    created_at         INTEGER NOT NULL,
    payout_preferences INTEGER NOT NULL DEFAULT 1 CHECK (payout_preferences IN (0, 1))
) STRICT;

CREATE INDEX refgrow_webhooks_by_time ON refgrow_webhooks (project_id, created_at);

-- The outbox: a row for each change that an endpoint may have to hear of, written in
-- the transaction of the change, with all that it takes to tell of it.
-- refgrow_outbox_positions remembers up to which one of a project deliveries were made of
-- them; the index by time is for replays. lane is the conversion, or minus the referral
-- where there is none (those of payouts and affiliates are far beyond): what happens to
-- one is told in order.
CREATE TABLE refgrow_events (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    lane            INTEGER NOT NULL,
    affiliate_id    INTEGER,
    affiliate_email TEXT,
    affiliate_code  TEXT,
    paypal_email    TEXT,
    wise_account_id TEXT,
    wise_email      TEXT,
    referral_id     INTEGER,
    referral_email  TEXT,
    data            TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    user_agent      TEXT
) STRICT;

CREATE INDEX refgrow_events_by_time ON refgrow_events (project_id, created_at);
CREATE INDEX refgrow_events_by_project ON refgrow_events (project_id, id);

CREATE TABLE refgrow_outbox_positions (
    project_id INTEGER PRIMARY KEY REFERENCES refgrow_projects (id),
    position   INTEGER NOT NULL
) STRICT;

-- An event on its way to an endpoint. Of those that are pending in a lane only one
-- has a next attempt: that of the earliest event, or one that is under way. Whoever
-- makes an attempt leases the delivery, so that no other process does. What was
-- replayed goes after everything else.
CREATE TABLE refgrow_deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id      INTEGER NOT NULL,
    webhook_id      INTEGER NOT NULL REFERENCES refgrow_webhooks (id),
    event_id        INTEGER NOT NULL,
    event           TEXT NOT NULL,
    lane            INTEGER NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed', 'canceled')),
    attempts        INTEGER NOT NULL,
    failures        INTEGER NOT NULL DEFAULT 0,
    next_attempt_at INTEGER,
    leased_until    INTEGER,
    response_status INTEGER,
    error           TEXT,
    created_at      INTEGER NOT NULL,
    ended_at        INTEGER,
    replayed        INTEGER NOT NULL DEFAULT 0 CHECK (replayed IN (0, 1))
) STRICT;

CREATE INDEX refgrow_deliveries_due ON refgrow_deliveries (webhook_id, replayed, next_attempt_at) WHERE status = 'pending';
CREATE INDEX refgrow_deliveries_waiting ON refgrow_deliveries (webhook_id, lane, event_id) WHERE status = 'pending';
CREATE INDEX refgrow_deliveries_by_time ON refgrow_deliveries (webhook_id, created_at, id, status);

-- Visits through referral links that counted. address is a hash of the visitor's
-- under the key of that UTC day.
CREATE TABLE refgrow_clicks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    affiliate_id INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    code         TEXT NOT NULL,
    url          TEXT,
    referrer     TEXT,
    user_agent   TEXT,
    address      INTEGER,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX refgrow_clicks_by_address ON refgrow_clicks (affiliate_id, address, created_at);
CREATE INDEX refgrow_clicks_by_time ON refgrow_clicks (project_id, created_at);

-- day counts UTC days since 1970. A key is deleted at the end of the day after its own.
CREATE TABLE refgrow_address_keys (
    day INTEGER PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;

-- What happened on each UTC day, maintained in the transaction of each change: clicks
-- (in the rows without a currency), conversions that were made on that day and still
-- exist, and by how much the total earnings changed, which is billions * 10^9 + earned: a
-- recorded conversion counts on its own day, and whatever becomes of it later on the day
-- of that. pruned_clicks is how many of the clicks have no row of their own any more.
-- Today's rows lie together.
CREATE TABLE refgrow_affiliate_days (
    project_id    INTEGER NOT NULL,
    day           INTEGER NOT NULL,
    affiliate_id  INTEGER NOT NULL,
    currency      TEXT NOT NULL,
    clicks        INTEGER NOT NULL CHECK (clicks >= 0),
    pruned_clicks INTEGER NOT NULL DEFAULT 0 CHECK (pruned_clicks BETWEEN 0 AND clicks),
    signups       INTEGER NOT NULL,
    purchases     INTEGER NOT NULL,
    billions      INTEGER NOT NULL,
    earned        INTEGER NOT NULL,
    PRIMARY KEY (project_id, day, affiliate_id, currency)
) STRICT, WITHOUT ROWID;

-- The same of the whole project: all affiliates, and conversions that are attributed
-- to nobody. There is a row wherever an affiliate has one.
CREATE TABLE refgrow_project_days (
    project_id INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    currency   TEXT NOT NULL,
    clicks     INTEGER NOT NULL,
    signups    INTEGER NOT NULL,
    purchases  INTEGER NOT NULL,
    billions   INTEGER NOT NULL,
    earned     INTEGER NOT NULL,
    PRIMARY KEY (project_id, day, currency)
) STRICT, WITHOUT ROWID;

-- What browsers said of signups: the visitor with this email came by this code.
CREATE TABLE refgrow_claims (
    project_id INTEGER NOT NULL,
    email      TEXT NOT NULL,
    code       TEXT NOT NULL,
    repeated   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (project_id, email)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_claims_by_time ON refgrow_claims (project_id, created_at);

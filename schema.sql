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
    claims                  INTEGER NOT NULL DEFAULT 0
) STRICT;

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
    deleted_at      INTEGER
) STRICT;

CREATE UNIQUE INDEX refgrow_affiliates_by_email ON refgrow_affiliates (project_id, email) WHERE deleted_at IS NULL;
CREATE INDEX refgrow_affiliates_by_time ON refgrow_affiliates (project_id, created_at) WHERE deleted_at IS NULL;
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
CREATE INDEX refgrow_coupons_by_time ON refgrow_coupons (project_id, created_at);
CREATE INDEX refgrow_coupons_by_affiliate ON refgrow_coupons (affiliate_id, created_at);
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
CREATE INDEX refgrow_referrals_by_time ON refgrow_referrals (project_id, created_at);
CREATE INDEX refgrow_referrals_by_affiliate ON refgrow_referrals (affiliate_id, created_at) WHERE affiliate_id IS NOT NULL;

-- A conversion with its decision (reason, candidates) and with what made its
-- commission (the rule's id and version, and what it was applied to: for a rule
-- with an end, also when the customer's first purchase was, or how many there
-- were before). currency
-- is that of both amounts; currency_given tells whether the caller named it.
-- available_at is fixed when the conversion is recorded: its time and the hold
-- of that day.
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
    priced_before     INTEGER
) STRICT;

CREATE UNIQUE INDEX refgrow_conversions_by_reference ON refgrow_conversions (project_id, reference) WHERE reference IS NOT NULL;
CREATE INDEX refgrow_conversions_by_time ON refgrow_conversions (project_id, created_at);
CREATE INDEX refgrow_conversions_by_affiliate ON refgrow_conversions (affiliate_id, created_at) WHERE affiliate_id IS NOT NULL;
CREATE INDEX refgrow_conversions_by_referral ON refgrow_conversions (referral_id, created_at) WHERE referral_id IS NOT NULL;

-- The books. created_at is the stamp: it never goes back within a project.
-- conversion_id and payout_id may name rows that are deleted by now.
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
    note          TEXT
) STRICT;

CREATE INDEX refgrow_ledger_by_affiliate ON refgrow_ledger_entries (affiliate_id);
CREATE INDEX refgrow_ledger_by_conversion ON refgrow_ledger_entries (conversion_id) WHERE conversion_id IS NOT NULL;
-- Only entries that were not available when they were written ever change a
-- balance by the mere passing of time.
CREATE INDEX refgrow_ledger_releases ON refgrow_ledger_entries (affiliate_id, currency, available_at, amount)
    WHERE available_at > created_at;

CREATE TRIGGER refgrow_ledger_no_update BEFORE UPDATE ON refgrow_ledger_entries
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
-- it sums up. gross is the sum of the entries without their signs: no sum of
-- some of them is beyond it, so that its bound is one for all. total and paid are
-- final; eligible is as of rolled_to and is rolled forward by the entries released
-- since. next_release_at is the first release after rolled_to, or NULL when
-- nothing is left to be released. reserved is the sum of the pending payouts. debts
-- is what is taken after rolled_to and counts at once when a payout is made: the
-- negative entries but settlements, less what payouts have settled of them.
CREATE TABLE refgrow_accounts (
    affiliate_id    INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency        TEXT NOT NULL,
    project_id      INTEGER NOT NULL,
    gross           INTEGER NOT NULL CHECK (gross BETWEEN 0 AND 9000000000000000000),
    total           INTEGER NOT NULL,
    paid            INTEGER NOT NULL,
    eligible        INTEGER NOT NULL,
    rolled_to       INTEGER NOT NULL,
    next_release_at INTEGER,
    signups         INTEGER NOT NULL,
    purchases       INTEGER NOT NULL,
    reserved        INTEGER NOT NULL DEFAULT 0,
    debts           INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (affiliate_id, currency)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_accounts_by_currency ON refgrow_accounts (project_id, currency, affiliate_id);

-- A payout pays one affiliate the entries it reserves. created_at, paid_at and
-- canceled_at are stamps, as those of the entries: they never go back. Only a
-- pending payout ever changes, once.
CREATE TABLE refgrow_payouts (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id         INTEGER NOT NULL REFERENCES refgrow_projects (id),
    affiliate_id       INTEGER NOT NULL REFERENCES refgrow_affiliates (id),
    currency           TEXT NOT NULL,
    amount             INTEGER NOT NULL CHECK (amount > 0),
    entry_count        INTEGER NOT NULL CHECK (entry_count > 0),
    cutoff             INTEGER NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('pending', 'paid', 'canceled')),
    external_reference TEXT,
    created_at         INTEGER NOT NULL,
    paid_at            INTEGER,
    canceled_at        INTEGER
) STRICT;

CREATE INDEX refgrow_payouts_by_time ON refgrow_payouts (project_id, created_at);
CREATE INDEX refgrow_payouts_by_affiliate ON refgrow_payouts (affiliate_id, created_at);
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
-- key, request_hash the path and the body.
CREATE TABLE refgrow_idempotency (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id   INTEGER NOT NULL,
    key_hash     BLOB NOT NULL,
    request_hash BLOB NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB NOT NULL,
    created_at   INTEGER NOT NULL
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

-- Where events are sent. events is JSON, a sorted list of names; secret is NULL for
-- an endpoint without signatures, else its first byte tells how it is sealed. The
-- former secret signs too until former_until. By itself an endpoint gets the events
-- after starts_after, the last one there was when it was made or switched on.
CREATE TABLE refgrow_webhooks (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id      INTEGER NOT NULL REFERENCES refgrow_projects (id),
    url             TEXT NOT NULL,
    events          TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN ('active', 'inactive')),
    secret          BLOB,
    former_secret   BLOB,
    former_until    INTEGER,
    last_success_at INTEGER,
    starts_after    INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX refgrow_webhooks_by_time ON refgrow_webhooks (project_id, created_at);

-- The outbox: a row for each change that an endpoint may have to hear of, written in
-- the transaction of the change, with all that it takes to tell of it. It has no
-- index beside its ids: refgrow_outbox remembers up to which one deliveries were
-- made of them. lane is the conversion, or minus the referral where there is none:
-- what happens to one is told in order.
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

CREATE TABLE refgrow_outbox (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL
) STRICT;

-- An event on its way to an endpoint. Of those that are pending in a lane only one
-- has a next attempt: that of the earliest event, or one that is under way. Whoever
-- makes an attempt leases the delivery, so that no other process does.
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
    ended_at        INTEGER
) STRICT;

CREATE INDEX refgrow_deliveries_due ON refgrow_deliveries (webhook_id, next_attempt_at) WHERE status = 'pending';
CREATE INDEX refgrow_deliveries_waiting ON refgrow_deliveries (webhook_id, lane, event_id) WHERE status = 'pending';
CREATE INDEX refgrow_deliveries_by_time ON refgrow_deliveries (webhook_id, created_at);

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
-- exist, and by how much the ledger entries stamped on that day changed the total
-- earnings. pruned_clicks is how many of the clicks have no row of their own any more.
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
    earned        INTEGER NOT NULL CHECK (earned BETWEEN -9000000000000000000 AND 9000000000000000000),
    PRIMARY KEY (project_id, day, affiliate_id, currency)
) STRICT, WITHOUT ROWID;

-- The same of the whole project: all affiliates, and conversions that are attributed
-- to nobody. There is a row wherever an affiliate has one. The sum of all accounts may
-- be more than an integer can hold: it is billions * 10^9 + earned.
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

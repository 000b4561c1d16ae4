-- Webhook endpoints, the outbox of events, and their deliveries.
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
    created_at      INTEGER NOT NULL
) STRICT;

CREATE TABLE refgrow_outbox (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL
) STRICT;

INSERT INTO refgrow_outbox (id, position) VALUES (1, 0);

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

INSERT INTO refgrow_migrations (version, applied_at) VALUES (3, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;

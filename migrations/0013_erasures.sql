-- The copies of a person who is erased or deleted: how far looking for them has come,
-- which codes stay in use, and who was merged into whom.
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

CREATE TABLE refgrow_retired_codes (
    project_id   INTEGER NOT NULL,
    hash         BLOB NOT NULL,
    affiliate_id INTEGER NOT NULL,
    deleted_at   INTEGER,
    PRIMARY KEY (project_id, hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX refgrow_retired_codes_by_time ON refgrow_retired_codes (project_id, deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE refgrow_merged_referrals (
    referral_id INTEGER PRIMARY KEY,
    project_id  INTEGER NOT NULL,
    into_id     INTEGER NOT NULL
) STRICT;

CREATE INDEX refgrow_merged_referrals_by_customer ON refgrow_merged_referrals (into_id);

-- Deletions that have begun go on with the rows: what names those affiliates is not known.
INSERT INTO refgrow_erasures (project_id, affiliate_id, deletes, names, part, mark_time, mark, last_answer, last_event, created_at)
SELECT a.project_id, a.id, 1, '', 'answers', 0, 0,
    COALESCE((SELECT MAX(i.id) FROM refgrow_idempotency i), 0), COALESCE((SELECT MAX(e.id) FROM refgrow_events e), 0), a.deleted_at
FROM refgrow_affiliates a WHERE a.deleted_at IS NOT NULL;

DROP TRIGGER refgrow_ledger_no_update;

CREATE TRIGGER refgrow_ledger_no_update BEFORE UPDATE ON refgrow_ledger_entries
WHEN NEW.note IS NOT NULL OR NEW.id <> OLD.id OR NEW.project_id <> OLD.project_id OR NEW.affiliate_id <> OLD.affiliate_id
    OR NEW.currency <> OLD.currency OR NEW.kind <> OLD.kind OR NEW.amount <> OLD.amount OR NEW.available_at <> OLD.available_at
    OR NEW.created_at <> OLD.created_at OR NEW.conversion_id IS NOT OLD.conversion_id OR NEW.payout_id IS NOT OLD.payout_id
    OR NEW.returned <> OLD.returned OR NEW.day IS NOT OLD.day
    OR NOT EXISTS (
        SELECT 1 FROM refgrow_erasures x WHERE x.project_id = OLD.project_id AND (x.affiliate_id = OLD.affiliate_id
            OR EXISTS (SELECT 1 FROM refgrow_conversions c JOIN refgrow_referrals r ON r.id = c.referral_id
                WHERE c.id = OLD.conversion_id AND (r.id = x.referral_id OR x.deletes = 1 AND r.affiliate_id = x.affiliate_id))))
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never changed');
END;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (13, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;

-- Entries of a conversion that is deleted stay, with their notes: when its customer is erased, these go too. Of
-- conversions that were deleted before, nobody knows whose they were.
CREATE TABLE refgrow_deleted_conversions (
    conversion_id INTEGER PRIMARY KEY,
    project_id    INTEGER NOT NULL,
    referral_id   INTEGER NOT NULL
) STRICT;

CREATE INDEX refgrow_deleted_conversions_by_customer ON refgrow_deleted_conversions (referral_id);

DROP TRIGGER refgrow_ledger_no_update;
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

INSERT INTO refgrow_migrations (version, applied_at) VALUES (19, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;

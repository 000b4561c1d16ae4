-- A commission counts in the statistics on the day of its conversion, which may be long
-- before the day on which it was recorded.
ALTER TABLE refgrow_ledger_entries ADD COLUMN day INTEGER;

-- The commissions that were recorded later than on their day: the first entry of a
-- conversion that was credited from the beginning.
DROP TRIGGER refgrow_ledger_no_update;

UPDATE refgrow_ledger_entries AS e SET day = (SELECT c.created_at / 86400000 FROM refgrow_conversions c WHERE c.id = e.conversion_id)
WHERE e.kind = 'commission' AND EXISTS (
    SELECT 1 FROM refgrow_conversions c JOIN refgrow_affiliates a ON a.id = e.affiliate_id
    WHERE c.id = e.conversion_id AND c.reason <> 'moved' AND c.created_at / 86400000 < e.created_at / 86400000 AND a.deleted_at IS NULL
) AND NOT EXISTS (SELECT 1 FROM refgrow_ledger_entries f WHERE f.conversion_id = e.conversion_id AND f.id < e.id);

CREATE TRIGGER refgrow_ledger_no_update BEFORE UPDATE ON refgrow_ledger_entries
BEGIN
    SELECT RAISE(ABORT, 'a ledger entry is never changed');
END;

-- The days have their earnings anew, but those of an affiliate that is being deleted,
-- which may be gone in part.
UPDATE refgrow_affiliate_days SET billions = 0, earned = 0
WHERE affiliate_id IN (SELECT id FROM refgrow_affiliates WHERE deleted_at IS NULL);

INSERT INTO refgrow_affiliate_days (project_id, day, affiliate_id, currency, clicks, signups, purchases, billions, earned)
SELECT e.project_id, COALESCE(e.day, e.created_at / 86400000), e.affiliate_id, e.currency, 0, 0, 0,
    SUM(e.amount / 1000000000), SUM(e.amount % 1000000000)
FROM refgrow_ledger_entries e JOIN refgrow_affiliates a ON a.id = e.affiliate_id
WHERE e.kind <> 'settlement' AND a.deleted_at IS NULL
GROUP BY 1, 2, 3, 4
ON CONFLICT (project_id, day, affiliate_id, currency) DO UPDATE SET billions = excluded.billions, earned = excluded.earned;

UPDATE refgrow_project_days SET billions = 0, earned = 0;

INSERT INTO refgrow_project_days (project_id, day, currency, clicks, signups, purchases, billions, earned)
SELECT project_id, day, currency, 0, 0, 0, SUM(billions), SUM(earned)
FROM refgrow_affiliate_days WHERE true
GROUP BY project_id, day, currency
ON CONFLICT (project_id, day, currency) DO UPDATE SET billions = excluded.billions, earned = excluded.earned;

INSERT INTO refgrow_migrations (version, applied_at) VALUES (8, CAST(strftime('%s', 'now') AS INTEGER) * 1000)
ON CONFLICT (version) DO NOTHING;

-- These queries read everything that is stored twice; they are for Verify alone.
-- +project_id keeps SQLite from walking a whole project for every part of it.

-- name: VerifyProjectCounts :one
SELECT
    CAST((SELECT COUNT(*) FROM refgrow_affiliates a WHERE a.project_id = @project_id AND a.deleted_at IS NULL AND a.status = 'active') AS INTEGER) AS affiliates_active,
    CAST((SELECT COUNT(*) FROM refgrow_affiliates a WHERE a.project_id = @project_id AND a.deleted_at IS NULL AND a.status = 'inactive') AS INTEGER) AS affiliates_inactive,
    CAST((SELECT COUNT(*) FROM refgrow_coupons c WHERE c.project_id = @project_id AND c.status = 'active') AS INTEGER) AS coupons_active,
    CAST((SELECT COUNT(*) FROM refgrow_coupons c WHERE c.project_id = @project_id AND c.status = 'inactive') AS INTEGER) AS coupons_inactive,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'pending') AS INTEGER) AS referrals_pending,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'converted') AS INTEGER) AS referrals_converted,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'direct') AS INTEGER) AS referrals_direct,
    CAST((SELECT COUNT(*) FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.status = 'direct_signup') AS INTEGER) AS referrals_direct_signup,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'signup' AND c.paid = 0) AS INTEGER) AS signups_unpaid,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'signup' AND c.paid = 1) AS INTEGER) AS signups_paid,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'purchase' AND c.paid = 0) AS INTEGER) AS purchases_unpaid,
    CAST((SELECT COUNT(*) FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.type = 'purchase' AND c.paid = 1) AS INTEGER) AS purchases_paid,
    CAST((SELECT COUNT(*) FROM refgrow_payouts p WHERE p.project_id = @project_id AND p.status = 'pending') AS INTEGER) AS payouts_pending,
    CAST((SELECT COUNT(*) FROM refgrow_payouts p WHERE p.project_id = @project_id AND p.status = 'paid') AS INTEGER) AS payouts_paid,
    CAST((SELECT COUNT(*) FROM refgrow_payouts p WHERE p.project_id = @project_id AND p.status = 'canceled') AS INTEGER) AS payouts_canceled,
    CAST((SELECT COUNT(*) FROM refgrow_payouts p WHERE p.project_id = @project_id AND p.status = 'returned') AS INTEGER) AS payouts_returned,
    CAST((SELECT COUNT(*) FROM refgrow_claims k WHERE k.project_id = @project_id) AS INTEGER) AS claims,
    CAST((SELECT COUNT(*) FROM refgrow_ledger_entries e WHERE e.project_id = @project_id) AS INTEGER) AS ledger_entries,
    CAST(MAX(
        (SELECT COALESCE(MAX(e.created_at), 0) FROM refgrow_ledger_entries e WHERE e.project_id = @project_id),
        (SELECT COALESCE(MAX(c.created_at), 0) FROM refgrow_conversions c WHERE c.project_id = @project_id AND NOT EXISTS (
            SELECT 1 FROM refgrow_stamp_resets s WHERE s.project_id = c.project_id AND s.to_stamp < c.created_at AND s.from_stamp >= c.created_at)),
        (SELECT COALESCE(MAX(MAX(p.created_at, COALESCE(p.paid_at, 0), COALESCE(p.canceled_at, 0), COALESCE(p.returned_at, 0))), 0)
            FROM refgrow_payouts p WHERE p.project_id = @project_id),
        (SELECT COALESCE(MAX(r.created_at), 0) FROM refgrow_payout_runs r WHERE r.project_id = @project_id)
    ) AS INTEGER) AS last_stamp;

-- name: VerifyStampResets :many
SELECT * FROM refgrow_stamp_resets WHERE project_id = @project_id ORDER BY id;

-- name: VerifyAffiliates :many
SELECT a.id, a.referral_code, a.partner_slug, a.clicks,
    CAST(COALESCE((SELECT c.affiliate_id FROM refgrow_codes c WHERE c.project_id = a.project_id AND c.code = lower(a.referral_code)), 0) AS INTEGER) AS code_owner,
    CAST(COALESCE((SELECT c.affiliate_id FROM refgrow_codes c WHERE c.project_id = a.project_id AND c.code = lower(a.partner_slug)), 0) AS INTEGER) AS slug_owner
FROM refgrow_affiliates a
WHERE +a.project_id = @project_id AND a.deleted_at IS NULL AND a.id > @after_id
ORDER BY a.id LIMIT @at_most;

-- name: VerifyAccounts :many
SELECT affiliate_id, currency, total, paid, eligible, rolled_to, next_release_at, signups, purchases, reserved, debts, cleared_to
FROM refgrow_accounts
WHERE project_id = @project_id AND affiliate_id >= @first_id AND affiliate_id <= @last_id
ORDER BY affiliate_id, currency;

-- name: VerifyAccountEntries :many
SELECT x.affiliate_id, x.currency,
    CAST(MAX(x.id) AS INTEGER) AS last_id,
    CAST(MAX(x.created_at) AS INTEGER) AS last_stamp,
    CAST(SUM(x.earned / 1000000000) * 1000000000 + SUM(x.earned % 1000000000) AS INTEGER) AS total,
    CAST(SUM(x.settled / 1000000000) * 1000000000 + SUM(x.settled % 1000000000) AS INTEGER) AS paid,
    CAST(SUM(x.available / 1000000000) * 1000000000 + SUM(x.available % 1000000000) AS INTEGER) AS eligible,
    CAST(COALESCE(MIN(x.release_at), 0) AS INTEGER) AS next_release_at
FROM (
    SELECT e.affiliate_id, e.currency, e.id, e.created_at,
        CASE WHEN e.kind <> 'settlement' THEN e.amount ELSE 0 END AS earned,
        CASE WHEN e.kind = 'settlement' THEN -e.amount ELSE 0 END AS settled,
        CASE WHEN e.available_at <= COALESCE(a.rolled_to, 0) THEN e.amount ELSE 0 END AS available,
        CASE WHEN e.available_at > COALESCE(a.rolled_to, 0) AND e.available_at > e.created_at THEN e.available_at END AS release_at
    FROM refgrow_ledger_entries e
    LEFT JOIN refgrow_accounts a ON a.affiliate_id = e.affiliate_id AND a.currency = e.currency
    WHERE e.project_id = @project_id AND e.affiliate_id >= @first_id AND e.affiliate_id <= @last_id
) x
GROUP BY x.affiliate_id, x.currency;

-- What a payout has to look at: groups of entries that add up to something, of those
-- that no payout has, or of those that pending ones reserve.
-- name: VerifyGroups :many
SELECT g.affiliate_id, g.currency,
    CAST(SUM(CASE WHEN g.available_at > g.rolled_to THEN g.reserved + MIN(g.unreserved, 0) ELSE 0 END) AS INTEGER) AS debts,
    CAST(COALESCE(MIN(CASE WHEN g.unreserved <> 0 THEN g.newest END), 0) AS INTEGER) AS first_open
FROM (
    SELECT x.affiliate_id, x.currency, x.available_at, x.rolled_to,
        SUM(CASE WHEN x.state = 0 THEN x.amount ELSE 0 END) AS unreserved,
        SUM(CASE WHEN x.state = 1 THEN x.amount ELSE 0 END) AS reserved,
        MAX(CASE WHEN x.state = 0 THEN x.id END) AS newest
    FROM (
        SELECT e.affiliate_id, e.currency, COALESCE(e.conversion_id, -e.id) AS part, e.available_at, e.id, e.amount, a.rolled_to,
            CASE WHEN e.payout_id IS NOT NULL AND e.returned = 0 THEN 2 ELSE COALESCE((
                SELECT CASE p.status WHEN 'pending' THEN 1 ELSE 2 END
                FROM refgrow_payout_entries r JOIN refgrow_payouts p ON p.id = r.payout_id
                WHERE r.entry_id = e.id AND r.reserved = 1), 0) END AS state
        FROM refgrow_ledger_entries e
        JOIN refgrow_accounts a ON a.affiliate_id = e.affiliate_id AND a.currency = e.currency
        WHERE e.project_id = @project_id AND e.affiliate_id >= @first_id AND e.affiliate_id <= @last_id
    ) x
    GROUP BY x.affiliate_id, x.currency, x.part, x.available_at, x.rolled_to
) g
WHERE g.unreserved <> 0 OR g.reserved <> 0
GROUP BY g.affiliate_id, g.currency;

-- name: VerifyAccountConversions :many
SELECT CAST(affiliate_id AS INTEGER) AS affiliate_id, currency,
    COUNT(*) FILTER (WHERE type = 'signup') AS signups, COUNT(*) FILTER (WHERE type = 'purchase') AS purchases
FROM refgrow_conversions
WHERE +project_id = @project_id AND affiliate_id >= CAST(@first_id AS INTEGER) AND affiliate_id <= CAST(@last_id AS INTEGER)
GROUP BY affiliate_id, currency;

-- name: VerifyAccountPayouts :many
SELECT affiliate_id, currency, CAST(SUM(CASE WHEN status = 'pending' THEN amount ELSE 0 END) AS INTEGER) AS reserved,
    CAST(MAX(MAX(created_at, COALESCE(paid_at, 0), COALESCE(canceled_at, 0), COALESCE(returned_at, 0))) AS INTEGER) AS last_stamp
FROM refgrow_payouts
WHERE +project_id = @project_id AND affiliate_id >= @first_id AND affiliate_id <= @last_id
GROUP BY affiliate_id, currency;

-- What the payouts of some affiliates had to settle of each conversion and
-- availability, where that is not what they have settled.
-- name: VerifySettlements :many
SELECT CAST(x.payout_id AS INTEGER) AS payout_id, CAST(x.conversion_id AS INTEGER) AS conversion_id, CAST(x.available_at AS INTEGER) AS available_at,
    CAST(-SUM(x.settled) AS INTEGER) AS settled, CAST(SUM(x.reserved) AS INTEGER) AS reserved
FROM (
    SELECT p.id AS payout_id, COALESCE(e.conversion_id, 0) AS conversion_id, e.available_at, e.amount AS reserved, 0 AS settled
    FROM refgrow_payouts p
    JOIN refgrow_payout_entries r ON r.payout_id = p.id
    JOIN refgrow_ledger_entries e ON e.id = r.entry_id
    WHERE +p.project_id = @project_id AND p.affiliate_id >= @first_id AND p.affiliate_id <= @last_id AND p.status IN ('paid', 'returned')
        AND NOT EXISTS (SELECT 1 FROM refgrow_affiliates a WHERE a.id = p.affiliate_id AND a.deleted_at IS NOT NULL)
    UNION ALL
    SELECT e.payout_id, COALESCE(e.conversion_id, 0), e.available_at, 0, e.amount
    FROM refgrow_ledger_entries e
    WHERE +e.project_id = @project_id AND e.affiliate_id >= @first_id AND e.affiliate_id <= @last_id AND e.payout_id IS NOT NULL AND e.returned = 0
        AND NOT EXISTS (SELECT 1 FROM refgrow_affiliates a WHERE a.id = e.affiliate_id AND a.deleted_at IS NOT NULL)
) x
GROUP BY 1, 2, 3 HAVING SUM(x.settled) + SUM(x.reserved) <> 0
LIMIT 100;

-- What came back of each conversion with the returned payouts of some affiliates, where
-- that is not what they had settled of it.
-- name: VerifyReturns :many
SELECT p.id AS payout_id, CAST(COALESCE(e.conversion_id, 0) AS INTEGER) AS conversion_id,
    CAST(SUM(CASE WHEN e.returned = 1 THEN e.amount ELSE 0 END) AS INTEGER) AS came_back,
    CAST(SUM(CASE WHEN e.returned = 0 THEN -e.amount ELSE 0 END) AS INTEGER) AS settled
FROM refgrow_payouts p JOIN refgrow_ledger_entries e ON e.affiliate_id = p.affiliate_id AND +e.payout_id = p.id
WHERE +p.project_id = @project_id AND p.affiliate_id >= @first_id AND p.affiliate_id <= @last_id AND p.status = 'returned'
    AND NOT EXISTS (SELECT 1 FROM refgrow_affiliates a WHERE a.id = p.affiliate_id AND a.deleted_at IS NOT NULL)
GROUP BY p.id, e.conversion_id HAVING SUM(e.amount) <> 0
LIMIT 100;

-- name: VerifyPayoutRuns :many
SELECT sqlc.embed(r),
    CAST((SELECT COUNT(*) FROM refgrow_payouts p WHERE p.run_id = r.id) AS INTEGER) AS made,
    CAST((SELECT COALESCE(SUM(p.amount), 0) FROM refgrow_payouts p WHERE p.run_id = r.id) AS INTEGER) AS amount
FROM refgrow_payout_runs r
WHERE +r.project_id = @project_id AND r.id > @after_id
ORDER BY r.id LIMIT CAST(@at_most AS INTEGER);

-- Payouts that their run could not have made.
-- name: VerifyPayoutsOfRuns :many
SELECT p.id AS payout_id, p.run_id, CAST(COALESCE(r.id, 0) AS INTEGER) AS found_id
FROM refgrow_payouts p LEFT JOIN refgrow_payout_runs r ON r.id = p.run_id
WHERE p.project_id = @project_id AND p.run_id IS NOT NULL
    AND (r.id IS NULL OR r.project_id <> p.project_id OR r.currency <> p.currency OR r.cutoff <> p.cutoff
        OR r.created_at > p.created_at OR p.amount < r.minimum)
ORDER BY p.id LIMIT 100;

-- name: VerifyPayouts :many
SELECT sqlc.embed(p), COUNT(r.entry_id) AS entries, CAST(COALESCE(SUM(e.amount), 0) AS INTEGER) AS amount
FROM refgrow_payouts p
LEFT JOIN refgrow_payout_entries r ON r.payout_id = p.id
LEFT JOIN refgrow_ledger_entries e ON e.id = r.entry_id
WHERE +p.project_id = @project_id AND p.id > @after_id
GROUP BY p.id, p.project_id ORDER BY p.id, p.project_id LIMIT @at_most;

-- The entries of payouts that cannot be theirs. A missing entry has the id 0.
-- name: VerifyPayoutEntries :many
SELECT r.payout_id, r.entry_id, r.reserved, sqlc.embed(p),
    CAST(COALESCE(e.id, 0) AS INTEGER) AS found_id, CAST(COALESCE(e.project_id, 0) AS INTEGER) AS project_id,
    CAST(COALESCE(e.affiliate_id, 0) AS INTEGER) AS affiliate_id, CAST(COALESCE(e.currency, '') AS TEXT) AS currency,
    CAST(COALESCE(CASE WHEN e.returned = 0 THEN e.payout_id END, 0) AS INTEGER) AS settled_by, CAST(COALESCE(e.created_at, 0) AS INTEGER) AS created_at,
    CAST(COALESCE(e.available_at, 0) AS INTEGER) AS available_at,
    CAST(CASE WHEN CASE WHEN e.conversion_id IS NULL THEN e.amount ELSE (
        SELECT SUM(y.amount) FROM refgrow_ledger_entries y JOIN refgrow_payout_entries x ON x.entry_id = y.id AND x.payout_id = r.payout_id
        WHERE y.conversion_id = e.conversion_id AND +y.available_at = e.available_at) END < 0 THEN 1 ELSE 0 END AS INTEGER) AS takes
FROM refgrow_payouts p
JOIN refgrow_payout_entries r ON r.payout_id = p.id
LEFT JOIN refgrow_ledger_entries e ON e.id = r.entry_id
WHERE p.project_id = @project_id
    AND (e.id IS NULL OR e.project_id <> p.project_id OR e.affiliate_id <> p.affiliate_id OR e.currency <> p.currency
        OR e.payout_id IS NOT NULL AND e.returned = 0 OR e.created_at > p.created_at OR r.reserved <> CASE p.status WHEN 'canceled' THEN 0 ELSE 1 END
        OR e.available_at > p.cutoff AND CASE WHEN e.conversion_id IS NULL THEN e.amount ELSE (
        SELECT SUM(y.amount) FROM refgrow_ledger_entries y JOIN refgrow_payout_entries x ON x.entry_id = y.id AND x.payout_id = r.payout_id
        WHERE y.conversion_id = e.conversion_id AND +y.available_at = e.available_at) END >= 0)
LIMIT 100;

-- name: VerifyConversions :many
SELECT * FROM refgrow_conversions WHERE +project_id = @project_id AND id > @after_id ORDER BY id LIMIT @at_most;

-- name: VerifyConversionEntries :many
SELECT id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id, payout_id, returned
FROM refgrow_ledger_entries
WHERE project_id = @project_id AND conversion_id > CAST(@after_id AS INTEGER) AND conversion_id <= CAST(@last_id AS INTEGER)
ORDER BY conversion_id, id;

-- name: VerifyRules :many
SELECT * FROM refgrow_commission_rules WHERE project_id = @project_id ORDER BY id;

-- name: VerifyStamps :many
SELECT e.id, e.created_at FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND e.created_at < (
    SELECT p.created_at FROM refgrow_ledger_entries p WHERE p.project_id = e.project_id AND p.id < e.id ORDER BY p.id DESC LIMIT 1)
ORDER BY e.id LIMIT 100;

-- Rows that no operation writes: what is odd, and what would be right.
-- name: VerifyRows :many
SELECT CAST('conversion' AS TEXT) AS place, c.id, CAST('affiliate' AS TEXT) AS what, CAST(c.affiliate_id AS TEXT) AS found, CAST('one of the project' AS TEXT) AS expected
FROM refgrow_conversions c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND c.affiliate_id IS NOT NULL AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'conversion', c.id, 'referred user', CAST(c.referral_id AS TEXT), 'one of the project'
FROM refgrow_conversions c LEFT JOIN refgrow_referrals r ON r.id = c.referral_id
WHERE c.project_id = @project_id AND c.referral_id IS NOT NULL AND (r.id IS NULL OR r.project_id <> c.project_id)
UNION ALL
SELECT 'conversion', c.id, 'available_at', CAST(c.available_at AS TEXT), 'its time and 0 to 365 days'
FROM refgrow_conversions c
WHERE c.project_id = @project_id AND (c.available_at < c.created_at OR c.available_at - c.created_at > 31536000000 OR (c.available_at - c.created_at) % 86400000 <> 0)
UNION ALL
SELECT 'conversion', c.id, 'refunded', CAST(c.refunded AS TEXT), 'at most the base value'
FROM refgrow_conversions c
WHERE c.project_id = @project_id AND c.refunded > COALESCE(c.base_value, 0)
UNION ALL
SELECT 'conversion', c.id, 'reversed', '1', '0, because it is not free'
FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.reversed = 1 AND COALESCE(c.base_value, 0) > 0
UNION ALL
SELECT 'refund of conversion', f.conversion_id, 'reference', f.reference, 'that of a conversion of the project'
FROM refgrow_refunds f LEFT JOIN refgrow_conversions c ON c.id = f.conversion_id
WHERE f.project_id = @project_id AND (c.id IS NULL OR c.project_id <> f.project_id)
UNION ALL
SELECT 'refund of conversion', f.conversion_id, 'reference', f.reference, '1 to 255 characters'
FROM refgrow_refunds f WHERE f.project_id = @project_id AND length(f.reference) NOT BETWEEN 1 AND 255
UNION ALL
SELECT 'refunds of conversion', c.id, 'taken', CAST(SUM(f.taken) AS TEXT), 'at most what is refunded'
FROM refgrow_refunds f JOIN refgrow_conversions c ON c.id = f.conversion_id
WHERE f.project_id = @project_id AND f.undone_at IS NULL
GROUP BY c.id, c.refunded, c.reversed HAVING SUM(f.taken) > MAX(c.refunded, c.reversed)
UNION ALL
SELECT 'total refunded of conversion', f.conversion_id, 'total', CAST(f.amount AS TEXT), 'that of a conversion of the project'
FROM refgrow_refund_totals f LEFT JOIN refgrow_conversions c ON c.id = f.conversion_id
WHERE f.project_id = @project_id AND (c.id IS NULL OR c.project_id <> f.project_id)
UNION ALL
SELECT 'referred user', r.id, 'affiliate', CAST(r.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_referrals r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id
WHERE r.project_id = @project_id AND r.affiliate_id IS NOT NULL AND (a.id IS NULL OR a.project_id <> r.project_id)
UNION ALL
SELECT 'referred user', r.id, 'conversion date', COALESCE(CAST(r.conversion_date AS TEXT), 'not set'), 'set exactly when converted or direct'
FROM refgrow_referrals r
WHERE r.project_id = @project_id AND (r.status IN ('converted', 'direct')) <> (r.conversion_date IS NOT NULL)
UNION ALL
SELECT 'referred user', r.id, 'email', r.email, 'in lower case'
FROM refgrow_referrals r WHERE r.project_id = @project_id AND r.email <> lower(r.email)
UNION ALL
SELECT 'external id', x.id, 'referred user', CAST(x.referral_id AS TEXT), 'one of the project, who has a first external id'
FROM refgrow_external_ids x LEFT JOIN refgrow_referrals r ON r.id = x.referral_id
WHERE x.project_id = @project_id AND (r.id IS NULL OR r.project_id <> x.project_id OR r.external_id IS NULL)
UNION ALL
SELECT 'external id', x.id, 'external id', x.external_id, 'not the first one of a referred user'
FROM refgrow_external_ids x JOIN refgrow_referrals r ON r.project_id = x.project_id AND r.external_id = x.external_id
WHERE x.project_id = @project_id
UNION ALL
SELECT 'affiliate', a.id, 'email', a.email, 'in lower case'
FROM refgrow_affiliates a WHERE a.project_id = @project_id AND a.email <> lower(a.email)
UNION ALL
SELECT 'coupon', c.id, 'affiliate', CAST(c.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_coupons c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'coupon', c.id, 'code_key', c.code_key, lower(c.code)
FROM refgrow_coupons c
WHERE c.project_id = @project_id AND c.code_key <> lower(c.code) AND NOT (c.code GLOB 'erased-*' AND c.code_key = c.code || ':' || c.id)
UNION ALL
SELECT 'code of affiliate', c.affiliate_id, 'affiliate', c.code, 'of one of the project'
FROM refgrow_codes c LEFT JOIN refgrow_affiliates a ON a.id = c.affiliate_id
WHERE c.project_id = @project_id AND (a.id IS NULL OR a.project_id <> c.project_id)
UNION ALL
SELECT 'click', k.id, 'affiliate', CAST(k.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_clicks k LEFT JOIN refgrow_affiliates a ON a.id = k.affiliate_id
WHERE k.project_id = @project_id AND (a.id IS NULL OR a.project_id <> k.project_id)
UNION ALL
SELECT 'click', k.id, 'code', k.code, '3 to 64 characters'
FROM refgrow_clicks k WHERE k.project_id = @project_id AND length(k.code) NOT BETWEEN 3 AND 64
UNION ALL
SELECT 'day ' || d.day || ' of affiliate', d.affiliate_id, 'affiliate', CAST(d.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_affiliate_days d LEFT JOIN refgrow_affiliates a ON a.id = d.affiliate_id
WHERE d.project_id = @project_id AND (a.id IS NULL OR a.project_id <> d.project_id)
UNION ALL
SELECT 'claim made at', k.created_at, 'email', k.email, 'in lower case'
FROM refgrow_claims k WHERE k.project_id = @project_id AND k.email <> lower(k.email)
UNION ALL
SELECT 'claim made at', k.created_at, 'code', k.code, '3 to 64 characters'
FROM refgrow_claims k WHERE k.project_id = @project_id AND length(k.code) NOT BETWEEN 3 AND 64
UNION ALL
SELECT 'ledger entry', e.id, 'affiliate', CAST(e.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_ledger_entries e LEFT JOIN refgrow_affiliates a ON a.id = e.affiliate_id
WHERE e.project_id = @project_id AND (a.id IS NULL OR a.project_id <> e.project_id)
UNION ALL
SELECT 'ledger entry', e.id, 'conversion', COALESCE(CAST(e.conversion_id AS TEXT), 'none'), 'that of a ' || e.kind
FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND (e.conversion_id <= 0 OR e.conversion_id IS NULL AND e.payout_id IS NULL AND e.kind <> 'adjustment')
UNION ALL
SELECT 'ledger entry', e.id, 'conversion', CAST(e.conversion_id AS TEXT), 'none for an adjustment'
FROM refgrow_ledger_entries e WHERE e.project_id = @project_id AND e.kind = 'adjustment' AND e.conversion_id IS NOT NULL
UNION ALL
SELECT 'ledger entry', e.id, 'note', COALESCE(e.note, 'none'), CASE e.kind WHEN 'adjustment' THEN 'there' ELSE 'none for a ' || e.kind END
FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND (e.kind = 'adjustment' AND COALESCE(e.note, '') = '' AND NOT EXISTS (
        SELECT 1 FROM refgrow_affiliates a WHERE a.id = e.affiliate_id AND a.email LIKE 'erased-%_erased.invalid') OR e.kind IN ('commission', 'settlement') AND e.note IS NOT NULL OR e.note = '')
UNION ALL
SELECT 'ledger entry', e.id, 'available_at', CAST(e.available_at AS TEXT), 'not after its stamp, ' || e.created_at
FROM refgrow_ledger_entries e WHERE e.project_id = @project_id AND e.kind = 'adjustment' AND e.available_at > e.created_at
UNION ALL
SELECT 'ledger entry', e.id, 'day', CAST(e.day AS TEXT), 'not set, or, for a commission, an earlier one than that of its stamp'
FROM refgrow_ledger_entries e WHERE e.project_id = @project_id AND e.day IS NOT NULL AND (e.kind <> 'commission' OR e.day >= e.created_at / 86400000)
UNION ALL
SELECT 'ledger entry', e.id, 'payout', CAST(e.payout_id AS TEXT), 'none, because it is no settlement'
FROM refgrow_ledger_entries e WHERE e.project_id = @project_id AND e.payout_id IS NOT NULL AND e.kind <> 'settlement'
UNION ALL
SELECT 'ledger entry', e.id, 'payout', CAST(e.payout_id AS TEXT), 'one to the same affiliate in the same currency'
FROM refgrow_ledger_entries e LEFT JOIN refgrow_payouts p ON p.id = e.payout_id
WHERE e.project_id = @project_id AND e.payout_id IS NOT NULL
    AND (p.id IS NULL OR p.project_id <> e.project_id OR p.affiliate_id <> e.affiliate_id OR p.currency <> e.currency)
UNION ALL
SELECT 'ledger entry', e.id, 'stamp', CAST(e.created_at AS TEXT), 'when its payout was paid, ' || p.paid_at
FROM refgrow_ledger_entries e JOIN refgrow_payouts p ON p.id = e.payout_id
WHERE e.project_id = @project_id AND e.kind = 'settlement' AND e.returned = 0 AND e.created_at <> p.paid_at
UNION ALL
SELECT 'ledger entry', e.id, 'stamp', CAST(e.created_at AS TEXT), 'when its payout was returned, ' || p.returned_at
FROM refgrow_ledger_entries e JOIN refgrow_payouts p ON p.id = e.payout_id
WHERE e.project_id = @project_id AND e.kind = 'settlement' AND e.returned = 1 AND e.created_at <> p.returned_at
UNION ALL
SELECT 'ledger entry', e.id, 'returned', '1', 'not set, because no payout that it is of was returned'
FROM refgrow_ledger_entries e LEFT JOIN refgrow_payouts p ON p.id = e.payout_id
WHERE e.project_id = @project_id AND e.returned = 1 AND (e.kind <> 'settlement' OR p.id IS NULL OR p.status <> 'returned')
UNION ALL
SELECT 'ledger entry', r.entry_id, 'payout it is of', CAST(r.payout_id AS TEXT), 'one of the project'
FROM refgrow_payout_entries r JOIN refgrow_ledger_entries e ON e.id = r.entry_id LEFT JOIN refgrow_payouts p ON p.id = r.payout_id
WHERE e.project_id = @project_id AND (p.id IS NULL OR p.project_id <> e.project_id)
UNION ALL
SELECT 'payout', p.id, 'affiliate', CAST(p.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_payouts p LEFT JOIN refgrow_affiliates a ON a.id = p.affiliate_id
WHERE p.project_id = @project_id AND (a.id IS NULL OR a.project_id <> p.project_id)
UNION ALL
SELECT 'payout', p.id, 'canceled_at', CAST(p.canceled_at AS TEXT), 'not after payout ' || n.id || ' took over entry ' || o.entry_id || ', ' || n.created_at
FROM refgrow_payouts p
JOIN refgrow_payout_entries r ON r.payout_id = p.id
JOIN refgrow_payout_entries o ON o.entry_id = r.entry_id AND o.payout_id > r.payout_id
JOIN refgrow_payouts n ON n.id = o.payout_id
WHERE p.project_id = @project_id AND p.canceled_at > n.created_at
UNION ALL
SELECT 'commission rule', r.id, 'affiliate', CAST(r.affiliate_id AS TEXT), 'one of the project'
FROM refgrow_commission_rules r LEFT JOIN refgrow_affiliates a ON a.id = r.affiliate_id
WHERE r.project_id = @project_id AND r.affiliate_id IS NOT NULL
    AND (a.project_id <> r.project_id OR r.ended_at IS NULL AND (a.id IS NULL OR a.deleted_at IS NOT NULL))
UNION ALL
SELECT 'ledger entry', e.id, 'sign', CAST(e.amount AS TEXT), 'that of a ' || e.kind
FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND ((e.kind = 'commission' AND e.amount < 0) OR (e.kind = 'reversal' AND e.amount > 0))
UNION ALL
SELECT 'API key', k.id, 'length of its parts', length(k.public_id) || ', ' || length(k.secret_hash) || ', ' || length(k.secret_check), '12, 60, 8'
FROM refgrow_api_keys k
WHERE k.project_id = @project_id AND (length(k.public_id) <> 12 OR length(k.secret_hash) <> 60 OR length(k.secret_check) <> 8)
LIMIT 100;

-- name: VerifyWebhooks :many
SELECT * FROM refgrow_webhooks WHERE project_id = @project_id ORDER BY id;

-- The newest event that ever existed, and the newest one of the project that deliveries
-- were made from. A test is delivered past the outbox, and so is a replay of what
-- happened before the endpoint began.
-- name: VerifyOutbox :one
SELECT
    CAST(COALESCE((SELECT o.position FROM refgrow_outbox_positions o WHERE o.project_id = @project_id), -1) AS INTEGER) AS position,
    CAST(CASE WHEN EXISTS (SELECT 1 FROM refgrow_webhooks h WHERE h.project_id = @project_id) THEN 1 ELSE 0 END AS INTEGER) AS needed,
    CAST(COALESCE((SELECT s.seq FROM sqlite_sequence s WHERE s.name = 'refgrow_events'), 0) AS INTEGER) AS newest,
    CAST(COALESCE((
        SELECT MAX(d.event_id) FROM refgrow_deliveries d
        JOIN refgrow_events e ON e.id = d.event_id
        JOIN refgrow_webhooks w ON w.id = d.webhook_id AND d.event_id > w.starts_after
        WHERE d.project_id = @project_id AND e.kind NOT GLOB 'test:*'
    ), 0) AS INTEGER) AS spread;

-- Those whom an event names may be gone, but belonged to its project.
-- name: VerifyEvents :many
SELECT sqlc.embed(e), CAST(COALESCE(a.project_id, e.project_id) AS INTEGER) AS affiliate_of,
    CAST(COALESCE(r.project_id, e.project_id) AS INTEGER) AS referral_of
FROM refgrow_events e
LEFT JOIN refgrow_affiliates a ON a.id = e.affiliate_id
LEFT JOIN refgrow_referrals r ON r.id = e.referral_id
WHERE +e.project_id = @project_id AND e.id > @after_id
ORDER BY e.id LIMIT @at_most;

-- What is odd about the deliveries of an endpoint, and what would be right. Events are
-- deleted oldest first: a missing one must be older than all that remain.
-- name: VerifyDeliveries :many
SELECT d.id, CAST('project' AS TEXT) AS what, CAST(d.project_id AS TEXT) AS found, CAST('that of its webhook' AS TEXT) AS expected
FROM refgrow_deliveries d WHERE d.webhook_id = @webhook_id AND NOT (d.project_id = @project_id)
UNION ALL
SELECT d.id, 'event', CAST(d.event_id AS TEXT), 'one that there is'
FROM refgrow_deliveries d LEFT JOIN refgrow_events e ON e.id = d.event_id
WHERE d.webhook_id = @webhook_id AND e.id IS NULL AND (
    d.event_id < 1 OR d.event_id > COALESCE((SELECT s.seq FROM sqlite_sequence s WHERE s.name = 'refgrow_events'), 0)
    OR EXISTS (SELECT 1 FROM refgrow_events o WHERE o.project_id = d.project_id AND o.id < d.event_id AND o.created_at <= d.created_at))
UNION ALL
SELECT d.id, 'event', CAST(d.event_id AS TEXT), 'one of the project'
FROM refgrow_deliveries d JOIN refgrow_events e ON e.id = d.event_id
WHERE d.webhook_id = @webhook_id AND e.project_id <> d.project_id
UNION ALL
SELECT d.id, 'name of its event', d.event, 'one of ' || e.kind
FROM refgrow_deliveries d JOIN refgrow_events e ON e.id = d.event_id
WHERE d.webhook_id = @webhook_id AND NOT CASE e.kind
    WHEN 'purchase_recorded' THEN d.event IN ('referral_converted', 'referral_updated')
    WHEN 'signup_recorded' THEN d.event IN ('referral_signed_up', 'referral_converted', 'referral_updated')
    WHEN 'conversion_changed' THEN d.event = 'referral_updated'
    WHEN 'conversion_gone' THEN d.event = 'referral_canceled'
    WHEN 'referral_created' THEN d.event = 'referral_signed_up'
    WHEN 'referral_changed' THEN d.event = 'referral_updated'
    WHEN 'payout_changed' THEN d.event = 'payout_updated'
    WHEN 'affiliate_changed' THEN d.event = 'affiliate_updated'
    WHEN 'erased' THEN d.status <> 'pending'
    ELSE e.kind = 'test:' || d.event END
UNION ALL
SELECT d.id, 'lane', CAST(d.lane AS TEXT), 'that of its event'
FROM refgrow_deliveries d JOIN refgrow_events e ON e.id = d.event_id
WHERE d.webhook_id = @webhook_id AND e.kind <> 'erased' AND d.lane <> CASE WHEN e.kind GLOB 'test:*' THEN -9223372036854775807 - 1 + e.id ELSE e.lane END
UNION ALL
SELECT d.id, 'status', d.status, 'canceled, because its webhook is ' || w.status
FROM refgrow_deliveries d JOIN refgrow_webhooks w ON w.id = d.webhook_id
WHERE d.webhook_id = @webhook_id AND d.status = 'pending' AND w.status <> 'active'
UNION ALL
SELECT d.id, 'ended_at', COALESCE(CAST(d.ended_at AS TEXT), 'not set'), 'set unless it is pending; it is ' || d.status
FROM refgrow_deliveries d WHERE d.webhook_id = @webhook_id AND (d.status = 'pending') = (d.ended_at IS NOT NULL)
UNION ALL
SELECT d.id, 'next_attempt_at', CAST(d.next_attempt_at AS TEXT), 'not set, because it is ' || d.status
FROM refgrow_deliveries d WHERE d.webhook_id = @webhook_id AND d.status <> 'pending' AND d.next_attempt_at IS NOT NULL
UNION ALL
SELECT d.id, 'next_attempt_at', COALESCE(CAST(d.next_attempt_at AS TEXT), 'not set'), 'set for one pending one of its lane alone, and not before an earlier event'
FROM refgrow_deliveries d
WHERE d.webhook_id = @webhook_id AND d.status = 'pending' AND CASE WHEN d.next_attempt_at IS NULL THEN NOT EXISTS (
    SELECT 1 FROM refgrow_deliveries b WHERE b.webhook_id = d.webhook_id AND b.lane = d.lane AND b.status = 'pending' AND b.next_attempt_at IS NOT NULL)
ELSE EXISTS (
    SELECT 1 FROM refgrow_deliveries b WHERE b.webhook_id = d.webhook_id AND b.lane = d.lane AND b.status = 'pending'
        AND b.id <> d.id AND (b.next_attempt_at IS NOT NULL OR d.attempts = 0 AND (b.event_id, b.id) < (d.event_id, d.id))) END
UNION ALL
SELECT d.id, 'leased_until', CAST(d.leased_until AS TEXT), 'not set before an attempt, or after the last one'
FROM refgrow_deliveries d
WHERE d.webhook_id = @webhook_id AND d.leased_until IS NOT NULL AND (d.status <> 'pending' OR d.attempts < 1 OR d.next_attempt_at IS NULL)
UNION ALL
SELECT d.id, 'attempts', CAST(d.attempts AS TEXT), '0 or more, and 1 or more where it is succeeded; it is ' || d.status
FROM refgrow_deliveries d WHERE d.webhook_id = @webhook_id AND (d.attempts < 0 OR d.attempts < 1 AND d.status = 'succeeded')
UNION ALL
SELECT d.id, 'error', d.error, 'none, because it is succeeded'
FROM refgrow_deliveries d WHERE d.webhook_id = @webhook_id AND d.status = 'succeeded' AND d.error IS NOT NULL
LIMIT 100;

-- What is stored for each day of each affiliate, and what the rows say, where the two
-- differ.
-- name: VerifyAffiliateDays :many
SELECT CAST(x.affiliate_id AS INTEGER) AS affiliate_id, CAST(x.day AS INTEGER) AS day, CAST(x.currency AS TEXT) AS currency,
    CAST(SUM(x.stored_clicks) AS INTEGER) AS stored_clicks, CAST(SUM(x.clicks) AS INTEGER) AS clicks,
    CAST(SUM(x.stored_signups) AS INTEGER) AS stored_signups, CAST(SUM(x.signups) AS INTEGER) AS signups,
    CAST(SUM(x.stored_purchases) AS INTEGER) AS stored_purchases, CAST(SUM(x.purchases) AS INTEGER) AS purchases,
    CAST(SUM(x.stored_billions) AS INTEGER) AS stored_billions, CAST(SUM(x.billions) AS INTEGER) AS billions,
    CAST(SUM(x.stored_earned) AS INTEGER) AS stored_earned, CAST(SUM(x.earned) AS INTEGER) AS earned
FROM (
    SELECT d.affiliate_id, d.day, d.currency, d.clicks AS stored_clicks, d.pruned_clicks AS clicks, d.signups AS stored_signups, 0 AS signups,
        d.purchases AS stored_purchases, 0 AS purchases, d.billions AS stored_billions, 0 AS billions, d.earned AS stored_earned, 0 AS earned
    FROM refgrow_affiliate_days d WHERE d.project_id = @project_id
    UNION ALL
    SELECT k.affiliate_id, k.created_at / 86400000, '', 0, 1, 0, 0, 0, 0, 0, 0, 0, 0
    FROM refgrow_clicks k WHERE k.project_id = @project_id
    UNION ALL
    SELECT c.affiliate_id, c.created_at / 86400000, c.currency, 0, 0, 0, CASE c.type WHEN 'signup' THEN 1 ELSE 0 END, 0, CASE c.type WHEN 'purchase' THEN 1 ELSE 0 END, 0, 0, 0, 0
    FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.affiliate_id IS NOT NULL
    UNION ALL
    SELECT e.affiliate_id, COALESCE(e.day, e.created_at / 86400000), e.currency, 0, 0, 0, 0, 0, 0, 0, e.amount / 1000000000, 0, e.amount % 1000000000
    FROM refgrow_ledger_entries e WHERE e.project_id = @project_id AND e.kind <> 'settlement'
) x
GROUP BY x.affiliate_id, x.day, x.currency
HAVING SUM(x.stored_clicks) <> SUM(x.clicks) OR SUM(x.stored_signups) <> SUM(x.signups)
    OR SUM(x.stored_purchases) <> SUM(x.purchases)
    OR (SUM(x.stored_billions) - SUM(x.billions)) * 1000000000 + SUM(x.stored_earned) - SUM(x.earned) <> 0;

-- The same for the project: its affiliates' days, and what is attributed to nobody.
-- name: VerifyProjectDays :many
SELECT CAST(x.day AS INTEGER) AS day, CAST(x.currency AS TEXT) AS currency, CAST(SUM(x.here) AS INTEGER) AS here,
    CAST(SUM(x.stored_clicks) AS INTEGER) AS stored_clicks, CAST(SUM(x.clicks) AS INTEGER) AS clicks,
    CAST(SUM(x.stored_signups) AS INTEGER) AS stored_signups, CAST(SUM(x.signups) AS INTEGER) AS signups,
    CAST(SUM(x.stored_purchases) AS INTEGER) AS stored_purchases, CAST(SUM(x.purchases) AS INTEGER) AS purchases,
    CAST(SUM(x.stored_billions) AS INTEGER) AS stored_billions, CAST(SUM(x.billions) AS INTEGER) AS billions,
    CAST(SUM(x.stored_earned) AS INTEGER) AS stored_earned, CAST(SUM(x.earned) AS INTEGER) AS earned
FROM (
    SELECT p.day, p.currency, 1 AS here, p.clicks AS stored_clicks, 0 AS clicks, p.signups AS stored_signups, 0 AS signups,
        p.purchases AS stored_purchases, 0 AS purchases, p.billions AS stored_billions, 0 AS billions, p.earned AS stored_earned, 0 AS earned
    FROM refgrow_project_days p WHERE p.project_id = @project_id
    UNION ALL
    SELECT d.day, d.currency, 0, 0, d.clicks, 0, d.signups, 0, d.purchases, 0, d.billions, 0, d.earned
    FROM refgrow_affiliate_days d WHERE d.project_id = @project_id
    UNION ALL
    SELECT c.created_at / 86400000, c.currency, 0, 0, 0, 0, CASE c.type WHEN 'signup' THEN 1 ELSE 0 END, 0, CASE c.type WHEN 'purchase' THEN 1 ELSE 0 END, 0, 0, 0, 0
    FROM refgrow_conversions c WHERE c.project_id = @project_id AND c.affiliate_id IS NULL
) x
GROUP BY x.day, x.currency
HAVING SUM(x.here) <> 1 OR SUM(x.stored_clicks) <> SUM(x.clicks) OR SUM(x.stored_signups) <> SUM(x.signups)
    OR SUM(x.stored_purchases) <> SUM(x.purchases)
    OR (SUM(x.stored_billions) - SUM(x.billions)) * 1000000000 + SUM(x.stored_earned) - SUM(x.earned) <> 0;

-- name: VerifyClicks :many
SELECT affiliate_id, CAST(SUM(clicks) AS INTEGER) AS clicks FROM refgrow_affiliate_days
WHERE project_id = @project_id AND currency = '' GROUP BY affiliate_id;

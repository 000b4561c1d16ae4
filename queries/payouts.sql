-- The affiliates that have an account in a currency.
-- name: ListAffiliatesWithAccount :many
SELECT affiliate_id FROM refgrow_accounts
WHERE project_id = @project_id AND currency = @currency AND affiliate_id > @after_id
ORDER BY affiliate_id LIMIT CAST(@limit AS INTEGER);

-- What a payout would pay: the entries that are available by the cut-off, and the
-- debts whenever they are, unless another payout reserves them. The settlements of
-- payouts are done with; one by hand counts when what it settles does.
-- name: SumPayable :one
SELECT COUNT(*) AS entries, CAST(COALESCE(SUM(e.amount), 0) AS INTEGER) AS amount
FROM refgrow_ledger_entries e
WHERE e.affiliate_id = @affiliate_id AND +e.project_id = @project_id AND e.currency = @currency AND e.payout_id IS NULL
    AND (e.available_at <= @cutoff OR e.amount < 0 AND e.kind <> 'settlement')
    AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries p WHERE p.entry_id = e.id AND p.reserved = 1);

-- The same entries as in SumPayable.
-- name: ReserveEntries :execrows
INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved)
SELECT e.id, CAST(@payout_id AS INTEGER), 1
FROM refgrow_ledger_entries e
WHERE e.affiliate_id = @affiliate_id AND +e.project_id = @project_id AND e.currency = @currency AND e.payout_id IS NULL
    AND (e.available_at <= @cutoff OR e.amount < 0 AND e.kind <> 'settlement')
    AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries p WHERE p.entry_id = e.id AND p.reserved = 1);

-- name: InsertPayout :one
INSERT INTO refgrow_payouts (project_id, affiliate_id, currency, amount, entry_count, cutoff, status, created_at)
VALUES (@project_id, @affiliate_id, @currency, @amount, @entry_count, @cutoff, @status, @created_at)
RETURNING id;

-- name: GetPayout :one
SELECT * FROM refgrow_payouts WHERE id = @payout_id AND project_id = @project_id;

-- name: EndPayout :exec
UPDATE refgrow_payouts
SET status = @status, external_reference = @external_reference, paid_at = @paid_at, canceled_at = @canceled_at
WHERE id = @payout_id AND project_id = @project_id AND status = 'pending';

-- name: FreeEntries :execrows
UPDATE refgrow_payout_entries SET reserved = 0
WHERE payout_id = (SELECT p.id FROM refgrow_payouts p WHERE p.id = @payout_id AND p.project_id = @project_id);

-- What there is to settle, for each conversion and availability: one entry each,
-- but for those beyond the largest amount, which ListLargeSettlements gives.
-- name: InsertSettlements :many
INSERT INTO refgrow_ledger_entries (project_id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id, payout_id)
SELECT e.project_id, e.affiliate_id, e.currency, 'settlement', -SUM(e.amount), e.available_at, CAST(@created_at AS INTEGER), e.conversion_id, p.payout_id
FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
WHERE p.payout_id = CAST(@payout_id AS INTEGER) AND e.project_id = CAST(@project_id AS INTEGER)
GROUP BY e.conversion_id, e.available_at
HAVING SUM(e.amount) <> 0 AND SUM(e.amount) BETWEEN -9000000000000000 AND 9000000000000000
ORDER BY MIN(e.id)
RETURNING amount, available_at;

-- name: ListLargeSettlements :many
SELECT CAST(COALESCE(e.conversion_id, 0) AS INTEGER) AS conversion_id, e.available_at, CAST(-SUM(e.amount) AS INTEGER) AS amount
FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
WHERE p.payout_id = @payout_id AND e.project_id = @project_id
GROUP BY e.conversion_id, e.available_at
HAVING SUM(e.amount) NOT BETWEEN -9000000000000000 AND 9000000000000000;

-- The conversions that a payout pays something for, but not those that were moved
-- to another account since.
-- name: MarkConversionsPaid :many
UPDATE refgrow_conversions SET paid = 1
WHERE +project_id = CAST(@project_id AS INTEGER) AND +affiliate_id = CAST(@affiliate_id AS INTEGER) AND currency = CAST(@currency AS TEXT)
    AND paid = 0 AND id IN (
    SELECT e.conversion_id FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
    WHERE p.payout_id = CAST(@payout_id AS INTEGER) AND e.conversion_id IS NOT NULL
    GROUP BY e.conversion_id HAVING SUM(e.amount) > 0)
RETURNING type;

-- Whether a payout reserves or has settled something of a conversion in an account.
-- name: IsInPayout :one
SELECT CAST(EXISTS (
    SELECT 1 FROM refgrow_ledger_entries e JOIN refgrow_payout_entries p ON p.entry_id = e.id AND p.reserved = 1
    WHERE e.conversion_id = CAST(@conversion_id AS INTEGER) AND e.project_id = @project_id
        AND +e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND e.currency = CAST(@currency AS TEXT)
) AS INTEGER) AS found;

-- name: HasPendingPayout :one
SELECT CAST(EXISTS (
    SELECT 1 FROM refgrow_payouts p WHERE p.affiliate_id = @affiliate_id AND +p.project_id = @project_id AND p.status = 'pending'
) AS INTEGER) AS found;

-- name: ListPayouts :many
SELECT * FROM refgrow_payouts
WHERE project_id = @project_id
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
    AND status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: ListPayoutsOfAffiliate :many
SELECT * FROM refgrow_payouts
WHERE affiliate_id = @affiliate_id AND project_id = @project_id
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
    AND status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: CountPayoutsOfAffiliate :one
SELECT COUNT(*) FROM refgrow_payouts
WHERE affiliate_id = @affiliate_id AND +project_id = @project_id
    AND status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT);

-- name: ListPayoutEntries :many
SELECT e.* FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
WHERE p.payout_id = @payout_id AND p.entry_id < @before_id AND e.project_id = @project_id
ORDER BY p.entry_id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: ListPendingPayouts :many
SELECT p.id, p.affiliate_id, p.currency, p.amount, a.email, a.paypal_email, a.wise_account_id, a.wise_email
FROM refgrow_payouts p JOIN refgrow_affiliates a ON a.id = p.affiliate_id
WHERE p.project_id = @project_id AND p.currency = @currency AND p.status = 'pending' AND p.id > @after_id
ORDER BY p.id LIMIT CAST(@limit AS INTEGER);

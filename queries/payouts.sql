-- The affiliates that have an account in a currency.
-- name: ListAffiliatesWithAccount :many
SELECT affiliate_id FROM refgrow_accounts
WHERE project_id = @project_id AND currency = @currency AND affiliate_id > @after_id
ORDER BY affiliate_id LIMIT CAST(@limit AS INTEGER);

-- Of some affiliates those that the project has, with what runs ask about them.
-- name: ListAffiliatesForPayouts :many
SELECT id, paypal_email, wise_account_id, wise_email, payouts_paused FROM refgrow_affiliates
WHERE id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@affiliate_ids AS TEXT))) AND +project_id = @project_id AND deleted_at IS NULL
ORDER BY id;

-- What a payout would pay. An entry that no payout reserves and that none has written
-- (unless it came back with a return) belongs to the group of its conversion and its
-- availability; an adjustment is a group of its own. A group counts if it is available
-- by the cut-off, and before that if it adds up to less than 0; one that adds up to 0
-- does not. Every other one has an entry after cleared_to: the entries up to there are
-- looked up for the groups of those after it.
-- name: SumPayable :one
SELECT CAST(COALESCE(SUM(g.entries), 0) AS INTEGER) AS entries,
    CAST(COALESCE(SUM(g.amount / 1000000000) * 1000000000 + SUM(g.amount % 1000000000), 0) AS INTEGER) AS amount
FROM (
    SELECT u.available_at, COUNT(*) AS entries, CAST(SUM(u.amount) AS INTEGER) AS amount
    FROM (
        SELECT e.id, e.conversion_id, e.available_at, e.amount
        FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +e.project_id = @project_id AND e.currency = CAST(@currency AS TEXT)
            AND e.id > (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = CAST(@affiliate_id AS INTEGER) AND a.currency = CAST(@currency AS TEXT))
            AND (e.payout_id IS NULL OR e.returned = 1)
            AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = e.id AND r.reserved = 1)
        UNION ALL
        SELECT o.id, o.conversion_id, o.available_at, o.amount
        FROM (
            SELECT DISTINCT e.conversion_id, e.available_at
            FROM refgrow_ledger_entries e
            WHERE e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +e.project_id = @project_id AND e.currency = CAST(@currency AS TEXT)
                AND e.id > (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = CAST(@affiliate_id AS INTEGER) AND a.currency = CAST(@currency AS TEXT))
                AND (e.payout_id IS NULL OR e.returned = 1) AND e.conversion_id IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = e.id AND r.reserved = 1)
        ) t
        CROSS JOIN refgrow_ledger_entries o ON o.conversion_id = t.conversion_id AND +o.available_at = t.available_at
        WHERE +o.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +o.project_id = @project_id AND o.currency = CAST(@currency AS TEXT)
            AND o.id <= (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = CAST(@affiliate_id AS INTEGER) AND a.currency = CAST(@currency AS TEXT))
            AND (o.payout_id IS NULL OR o.returned = 1)
            AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = o.id AND r.reserved = 1)
    ) u
    GROUP BY COALESCE(u.conversion_id, -u.id), u.available_at
) g
WHERE g.amount <> 0 AND (g.available_at <= @cutoff OR g.amount < 0);

-- The same entries as in SumPayable.
-- name: ReserveEntries :execrows
INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved)
SELECT g.id, CAST(@payout_id AS INTEGER), 1
FROM (
    SELECT u.id, u.available_at, SUM(u.amount) OVER (PARTITION BY COALESCE(u.conversion_id, -u.id), u.available_at) AS amount
    FROM (
        SELECT e.id, e.conversion_id, e.available_at, e.amount
        FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +e.project_id = @project_id AND e.currency = CAST(@currency AS TEXT)
            AND e.id > (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = CAST(@affiliate_id AS INTEGER) AND a.currency = CAST(@currency AS TEXT))
            AND (e.payout_id IS NULL OR e.returned = 1)
            AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = e.id AND r.reserved = 1)
        UNION ALL
        SELECT o.id, o.conversion_id, o.available_at, o.amount
        FROM (
            SELECT DISTINCT e.conversion_id, e.available_at
            FROM refgrow_ledger_entries e
            WHERE e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +e.project_id = @project_id AND e.currency = CAST(@currency AS TEXT)
                AND e.id > (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = CAST(@affiliate_id AS INTEGER) AND a.currency = CAST(@currency AS TEXT))
                AND (e.payout_id IS NULL OR e.returned = 1) AND e.conversion_id IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = e.id AND r.reserved = 1)
        ) t
        CROSS JOIN refgrow_ledger_entries o ON o.conversion_id = t.conversion_id AND +o.available_at = t.available_at
        WHERE +o.affiliate_id = CAST(@affiliate_id AS INTEGER) AND +o.project_id = @project_id AND o.currency = CAST(@currency AS TEXT)
            AND o.id <= (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = CAST(@affiliate_id AS INTEGER) AND a.currency = CAST(@currency AS TEXT))
            AND (o.payout_id IS NULL OR o.returned = 1)
            AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = o.id AND r.reserved = 1)
    ) u
) g
WHERE g.amount <> 0 AND (g.available_at <= @cutoff OR g.amount < 0);

-- Moves cleared_to on to where the next payout has to begin: before the newest entry of
-- the first group that does not add up to 0.
-- name: ClearAccount :exec
UPDATE refgrow_accounts SET cleared_to = COALESCE((
    SELECT MIN(g.newest) - 1 FROM (
        SELECT MAX(u.id) AS newest, SUM(u.amount) AS amount
        FROM (
            SELECT e.id, e.conversion_id, e.available_at, e.amount
            FROM refgrow_ledger_entries e
            WHERE e.affiliate_id = refgrow_accounts.affiliate_id AND +e.project_id = refgrow_accounts.project_id AND e.currency = refgrow_accounts.currency
                AND e.id > (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = refgrow_accounts.affiliate_id AND a.currency = refgrow_accounts.currency)
                AND (e.payout_id IS NULL OR e.returned = 1)
                AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = e.id AND r.reserved = 1)
            UNION ALL
            SELECT o.id, o.conversion_id, o.available_at, o.amount
            FROM (
                SELECT DISTINCT e.conversion_id, e.available_at
                FROM refgrow_ledger_entries e
                WHERE e.affiliate_id = refgrow_accounts.affiliate_id AND +e.project_id = refgrow_accounts.project_id AND e.currency = refgrow_accounts.currency
                    AND e.id > (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = refgrow_accounts.affiliate_id AND a.currency = refgrow_accounts.currency)
                    AND (e.payout_id IS NULL OR e.returned = 1) AND e.conversion_id IS NOT NULL
                    AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = e.id AND r.reserved = 1)
            ) t
            CROSS JOIN refgrow_ledger_entries o ON o.conversion_id = t.conversion_id AND +o.available_at = t.available_at
            WHERE +o.affiliate_id = refgrow_accounts.affiliate_id AND +o.project_id = refgrow_accounts.project_id AND o.currency = refgrow_accounts.currency
                AND o.id <= (SELECT a.cleared_to FROM refgrow_accounts a WHERE a.affiliate_id = refgrow_accounts.affiliate_id AND a.currency = refgrow_accounts.currency)
                AND (o.payout_id IS NULL OR o.returned = 1)
                AND NOT EXISTS (SELECT 1 FROM refgrow_payout_entries r WHERE r.entry_id = o.id AND r.reserved = 1)
        ) u
        GROUP BY COALESCE(u.conversion_id, -u.id), u.available_at
    ) g
    WHERE g.amount <> 0
), (SELECT MAX(n.id) FROM refgrow_ledger_entries n WHERE n.affiliate_id = refgrow_accounts.affiliate_id), 0)
WHERE affiliate_id = @affiliate_id AND currency = @currency AND project_id = @project_id;

-- What a canceled payout frees is not cleared any more.
-- name: UnclearAccount :exec
UPDATE refgrow_accounts SET cleared_to = MIN(cleared_to, COALESCE((
    SELECT MIN(r.entry_id) - 1 FROM refgrow_payout_entries r WHERE r.payout_id = CAST(@payout_id AS INTEGER)), 0))
WHERE affiliate_id = @affiliate_id AND currency = @currency AND project_id = @project_id;

-- name: InsertPayout :one
INSERT INTO refgrow_payouts (project_id, affiliate_id, currency, amount, entry_count, cutoff, status, created_at, run_id)
VALUES (@project_id, @affiliate_id, @currency, @amount, @entry_count, @cutoff, @status, @created_at, @run_id)
RETURNING id;

-- name: InsertPayoutRun :one
INSERT INTO refgrow_payout_runs (project_id, created_at, made_by, cutoff, currency, minimum)
VALUES (@project_id, @created_at, @made_by, @cutoff, @currency, @minimum)
RETURNING id;

-- name: AddToPayoutRun :exec
UPDATE refgrow_payout_runs SET payouts = payouts + CAST(@payouts AS INTEGER), total = total + CAST(@total AS INTEGER)
WHERE id = @run_id AND project_id = @project_id;

-- name: GetPayoutRun :one
SELECT * FROM refgrow_payout_runs WHERE id = @run_id AND project_id = @project_id;

-- name: ListPayoutRuns :many
SELECT * FROM refgrow_payout_runs
WHERE project_id = @project_id
    AND (created_at, id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
ORDER BY created_at DESC, id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: CountPayoutRuns :one
SELECT COUNT(*) FROM refgrow_payout_runs WHERE project_id = @project_id;

-- name: InsertPayoutTask :one
INSERT INTO refgrow_payout_tasks (project_id, key_hash, request_hash, run_id, mark, done, refused, created_at)
VALUES (@project_id, @key_hash, @request_hash, @run_id, 0, 0, '[]', @created_at)
RETURNING id;

-- name: GetPayoutTask :one
SELECT * FROM refgrow_payout_tasks WHERE key_hash = @key_hash AND project_id = @project_id;

-- name: MovePayoutTask :execrows
UPDATE refgrow_payout_tasks SET mark = CAST(@mark AS INTEGER), done = @done, refused = @refused
WHERE id = @task_id AND project_id = @project_id AND mark < CAST(@mark AS INTEGER) AND done = 0;

-- name: EndPayoutTask :exec
UPDATE refgrow_payout_tasks SET done = 1 WHERE id = @task_id AND project_id = @project_id;

-- name: GetPayout :one
SELECT * FROM refgrow_payouts WHERE id = @payout_id AND project_id = @project_id;

-- name: EndPayout :exec
UPDATE refgrow_payouts
SET status = @status, external_reference = @external_reference, paid_at = @paid_at, paid_on = @paid_on, canceled_at = @canceled_at
WHERE id = @payout_id AND project_id = @project_id AND status = 'pending';

-- name: ReturnPayout :exec
UPDATE refgrow_payouts SET status = 'returned', returned_at = @returned_at, return_note = @return_note
WHERE id = @payout_id AND project_id = @project_id AND status = 'paid';

-- What a payout has settled, for each conversion (0 for adjustments) and availability.
-- name: ListSettledByPayout :many
SELECT CAST(COALESCE(e.conversion_id, 0) AS INTEGER) AS conversion_id, e.available_at, CAST(SUM(e.amount) AS INTEGER) AS amount
FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
WHERE p.payout_id = @payout_id AND e.project_id = @project_id
GROUP BY e.conversion_id, e.available_at HAVING SUM(e.amount) <> 0
ORDER BY 1, 2;

-- name: FreeEntries :execrows
UPDATE refgrow_payout_entries SET reserved = 0
WHERE payout_id = (SELECT p.id FROM refgrow_payouts p WHERE p.id = @payout_id AND p.project_id = @project_id);

-- What remains to be settled, for each conversion and availability: one entry each,
-- except those beyond the largest amount, which ListLargeSettlements returns.
-- name: InsertSettlements :many
INSERT INTO refgrow_ledger_entries (project_id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id, payout_id)
SELECT e.project_id, e.affiliate_id, e.currency, 'settlement', -SUM(e.amount), e.available_at, CAST(@created_at AS INTEGER), e.conversion_id, p.payout_id
FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
WHERE p.payout_id = CAST(@payout_id AS INTEGER) AND e.project_id = CAST(@project_id AS INTEGER)
GROUP BY e.project_id, e.affiliate_id, e.currency, p.payout_id, e.conversion_id, e.available_at
HAVING SUM(e.amount) <> 0 AND SUM(e.amount) BETWEEN -9000000000000000 AND 9000000000000000
ORDER BY MIN(e.id)
RETURNING amount, available_at;

-- name: ListLargeSettlements :many
SELECT CAST(COALESCE(e.conversion_id, 0) AS INTEGER) AS conversion_id, e.available_at, CAST(-SUM(e.amount) AS INTEGER) AS amount
FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
WHERE p.payout_id = @payout_id AND e.project_id = @project_id
GROUP BY e.conversion_id, e.available_at
HAVING SUM(e.amount) NOT BETWEEN -9000000000000000 AND 9000000000000000;

-- The conversions of a paid payout whose flag is no longer right: one that brings its
-- account something is paid exactly when as much of it is settled there.
-- name: SetPaidOfPayout :many
UPDATE refgrow_conversions SET paid = 1 - paid
WHERE +project_id = CAST(@project_id AS INTEGER) AND +affiliate_id = CAST(@affiliate_id AS INTEGER) AND currency = CAST(@currency AS TEXT)
    AND id IN (
        SELECT e.conversion_id FROM refgrow_payout_entries p JOIN refgrow_ledger_entries e ON e.id = p.entry_id
        WHERE p.payout_id = CAST(@payout_id AS INTEGER) AND e.conversion_id IS NOT NULL)
    AND (
        SELECT SUM(CASE WHEN x.kind <> 'settlement' THEN x.amount ELSE 0 END) > 0 AND CASE WHEN SUM(x.amount) <= 0 THEN 1 ELSE 0 END <> refgrow_conversions.paid
        FROM refgrow_ledger_entries x
        WHERE x.conversion_id = refgrow_conversions.id AND +x.affiliate_id = CAST(@affiliate_id AS INTEGER) AND x.currency = CAST(@currency AS TEXT))
RETURNING type, paid;

-- What payouts reserve or have settled of a conversion in an account.
-- name: ListPayoutsOfConversion :many
SELECT p.id, p.status, CAST(SUM(e.amount) AS INTEGER) AS amount
FROM refgrow_ledger_entries e
JOIN refgrow_payout_entries r ON r.entry_id = e.id AND r.reserved = 1
JOIN refgrow_payouts p ON p.id = r.payout_id
WHERE e.conversion_id = CAST(@conversion_id AS INTEGER) AND e.project_id = @project_id
    AND +e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND e.currency = CAST(@currency AS TEXT)
GROUP BY p.id, p.status;

-- The entries of a conversion in an account that pending payouts reserve.
-- name: ListReservedOfConversion :many
SELECT p.id AS payout_id, e.available_at, e.amount
FROM refgrow_ledger_entries e
JOIN refgrow_payout_entries r ON r.entry_id = e.id AND r.reserved = 1
JOIN refgrow_payouts p ON p.id = r.payout_id AND p.status = 'pending'
WHERE e.conversion_id = CAST(@conversion_id AS INTEGER) AND e.project_id = @project_id
    AND +e.affiliate_id = CAST(@affiliate_id AS INTEGER) AND e.currency = CAST(@currency AS TEXT)
ORDER BY e.id;

-- name: GetPendingPayoutOf :one
SELECT p.id FROM refgrow_payouts p
WHERE p.affiliate_id = @affiliate_id AND +p.project_id = @project_id AND p.status = 'pending' LIMIT 1;

-- name: ListPayouts :many
SELECT p.* FROM (
    SELECT x.id FROM refgrow_payouts x
    WHERE x.project_id = @project_id
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_payouts p ON p.id = page.id AND p.project_id = @project_id;

-- name: ListPayoutsOfAffiliate :many
SELECT p.* FROM (
    SELECT x.id FROM refgrow_payouts x
    WHERE x.affiliate_id = (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_payouts p ON p.id = page.id AND p.project_id = @project_id;

-- name: ListPayoutsOfRun :many
SELECT p.* FROM (
    SELECT x.id FROM refgrow_payouts x
    WHERE x.run_id = (SELECT r.id FROM refgrow_payout_runs r WHERE r.id = CAST(@run_id AS INTEGER) AND r.project_id = @project_id)
        AND x.affiliate_id BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER)
        AND (x.created_at, x.id) < (CAST(@before_time AS INTEGER), CAST(@before_id AS INTEGER))
        AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    ORDER BY x.created_at DESC, x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER)) page
CROSS JOIN refgrow_payouts p ON p.id = page.id AND p.project_id = @project_id;

-- name: CountPayoutsOfRun :one
SELECT COUNT(*) FROM refgrow_payouts x
WHERE x.run_id IN (SELECT r.id FROM refgrow_payout_runs r WHERE r.id = CAST(@run_id AS INTEGER) AND r.project_id = @project_id)
    AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT)
    AND x.affiliate_id BETWEEN CAST(@affiliate_from AS INTEGER) AND CAST(@affiliate_to AS INTEGER);

-- The payouts of a run in the order in which they were made.
-- name: ListPayoutsMadeByRun :many
SELECT * FROM refgrow_payouts
WHERE run_id = CAST(@run_id AS INTEGER) AND +project_id = @project_id
    AND (created_at, id) > (CAST(@after_time AS INTEGER), CAST(@after_id AS INTEGER))
ORDER BY created_at, id LIMIT CAST(@limit AS INTEGER);

-- name: CountPayoutsOfAffiliate :one
SELECT COUNT(*) FROM refgrow_payouts x
WHERE x.affiliate_id IN (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id)
    AND x.status BETWEEN CAST(@status_from AS TEXT) AND CAST(@status_to AS TEXT);

-- name: ListPayoutEntries :many
SELECT e.* FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND e.id IN (
    SELECT x.entry_id FROM refgrow_payout_entries x
    WHERE x.payout_id = @payout_id AND x.entry_id < @before_id
    ORDER BY x.entry_id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER));

-- name: ListPendingPayouts :many
SELECT p.id, p.currency, p.amount, a.paypal_email, a.wise_account_id, a.wise_email, a.wise_name
FROM refgrow_payouts p JOIN refgrow_affiliates a ON a.id = p.affiliate_id
WHERE p.project_id = @project_id AND p.currency = @currency AND p.status = 'pending' AND p.id > @after_id
ORDER BY p.id LIMIT CAST(@limit AS INTEGER);

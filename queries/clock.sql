-- name: ListClocks :many
SELECT p.name, t.last_stamp FROM refgrow_projects p JOIN refgrow_project_totals t ON t.project_id = p.id ORDER BY p.id;

-- In how many projects the last stamp is after an instant, and the latest of them.
-- name: CountAhead :one
SELECT COUNT(*) AS projects, CAST(COALESCE(MAX(last_stamp), 0) AS INTEGER) AS last_stamp
FROM refgrow_project_totals WHERE last_stamp > @instant;

-- name: NewestEntryOfAll :one
SELECT CAST(COALESCE(MAX(id), 0) AS INTEGER) FROM refgrow_ledger_entries;

-- A later entry has a greater id, and no earlier stamp.
-- name: NewestEntry :one
SELECT id, created_at FROM refgrow_ledger_entries
WHERE +project_id = @project_id AND id > @after_id ORDER BY id DESC LIMIT 1;

-- The newest of what else is stamped: the settlements of a payout have the stamps with
-- which it was paid and returned.
-- name: ListNewestPayouts :many
SELECT CAST('payout' AS TEXT) AS what, m.id, m.stamp FROM (
    SELECT id, created_at AS stamp FROM refgrow_payouts
    WHERE project_id = @project_id ORDER BY created_at DESC LIMIT 1) m
UNION ALL
SELECT 'payout', c.id, c.stamp FROM (
    SELECT id, CAST(canceled_at AS INTEGER) AS stamp FROM refgrow_payouts
    WHERE project_id = @project_id AND canceled_at IS NOT NULL ORDER BY canceled_at DESC LIMIT 1) c
UNION ALL
SELECT 'payout run', r.id, r.stamp FROM (
    SELECT id, created_at AS stamp FROM refgrow_payout_runs
    WHERE project_id = @project_id ORDER BY created_at DESC LIMIT 1) r;

-- name: InsertStampReset :one
INSERT INTO refgrow_stamp_resets (project_id, from_stamp, to_stamp, created_at)
VALUES (@project_id, @from_stamp, @to_stamp, @created_at)
RETURNING id;

-- name: ResetLastStamp :exec
UPDATE refgrow_project_totals SET last_stamp = @last_stamp, unfinished_reset = @reset_id WHERE project_id = @project_id;

-- name: ListStampResets :many
SELECT * FROM refgrow_stamp_resets WHERE project_id = @project_id ORDER BY id DESC LIMIT CAST(@limit AS INTEGER);

-- One that was made meanwhile has work of its own left.
-- name: EndStampReset :exec
UPDATE refgrow_project_totals SET unfinished_reset = 0 WHERE project_id = @project_id AND unfinished_reset = @reset_id;

-- name: NoteStampResets :exec
UPDATE refgrow_stamp_resets SET finished_at = @finished_at
WHERE project_id = @project_id AND id <= @reset_id AND finished_at IS NULL;

-- name: ListAccountsAhead :many
SELECT DISTINCT affiliate_id FROM refgrow_accounts
WHERE affiliate_id > @after_id AND +project_id = @project_id AND rolled_to > @instant
ORDER BY affiliate_id LIMIT CAST(@at_most AS INTEGER);

-- Changes nothing, but writes, where there is a project.
-- name: TouchProject :exec
UPDATE refgrow_projects SET created_at = created_at WHERE id = (SELECT MIN(p.id) FROM refgrow_projects p);

-- Accounts that were rolled beyond an instant are as of that instant again. No entry is
-- stamped after it. Debts are left only where earlier rules have made them: a payout
-- reserves what is available, and no payout is stamped after the instant either.
-- name: PutBackAccounts :exec
UPDATE refgrow_accounts SET
    eligible = eligible - (
        SELECT CAST(COALESCE(SUM(e.amount / 1000000000) * 1000000000 + SUM(e.amount % 1000000000), 0) AS INTEGER)
        FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = refgrow_accounts.affiliate_id AND e.currency = refgrow_accounts.currency
            AND e.available_at > CAST(@instant AS INTEGER) AND e.available_at <= refgrow_accounts.rolled_to AND e.available_at > e.created_at
    ),
    debts = CASE WHEN (SELECT t.old_entries_to FROM refgrow_project_totals t WHERE t.project_id = refgrow_accounts.project_id) = 0 THEN 0 ELSE (
        SELECT CAST(COALESCE(SUM(g.reserved + MIN(g.unreserved, 0)), 0) AS INTEGER) FROM (
            SELECT SUM(CASE WHEN x.state = 0 THEN x.amount ELSE 0 END) AS unreserved,
                SUM(CASE WHEN x.state = 1 THEN x.amount ELSE 0 END) AS reserved
            FROM (
                SELECT COALESCE(e.conversion_id, -e.id) AS part, e.available_at, e.amount,
                    CASE WHEN e.payout_id IS NOT NULL AND e.returned = 0 THEN 2 ELSE COALESCE((
                        SELECT CASE p.status WHEN 'pending' THEN 1 ELSE 2 END
                        FROM refgrow_payout_entries r JOIN refgrow_payouts p ON p.id = r.payout_id
                        WHERE r.entry_id = e.id AND r.reserved = 1), 0) END AS state
                FROM refgrow_ledger_entries e
                WHERE e.affiliate_id = refgrow_accounts.affiliate_id AND e.currency = refgrow_accounts.currency
                    AND e.available_at > CAST(@instant AS INTEGER) AND e.available_at > e.created_at
            ) x
            GROUP BY x.part, x.available_at
        ) g
    ) END,
    next_release_at = (
        SELECT MIN(e.available_at) FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = refgrow_accounts.affiliate_id AND e.currency = refgrow_accounts.currency
            AND e.available_at > CAST(@instant AS INTEGER) AND e.available_at > e.created_at
    ),
    rolled_to = CAST(@instant AS INTEGER)
WHERE affiliate_id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@affiliate_ids AS TEXT))) AND +project_id = @project_id
    AND rolled_to > CAST(@instant AS INTEGER);

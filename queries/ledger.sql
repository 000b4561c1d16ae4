-- name: InsertEntry :execlastid
INSERT INTO refgrow_ledger_entries
    (project_id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id, payout_id, note)
VALUES
    (@project_id, @affiliate_id, @currency, @kind, @amount, @available_at, @created_at, @conversion_id, @payout_id, @note);

-- name: ListEntriesOfConversion :many
SELECT * FROM refgrow_ledger_entries
WHERE conversion_id = CAST(@conversion_id AS INTEGER) AND project_id = @project_id ORDER BY id;

-- name: ListEntriesOfAffiliate :many
SELECT * FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND id < @before_id
ORDER BY id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER);

-- name: CountEntriesOfAffiliate :one
SELECT COUNT(*) FROM refgrow_ledger_entries WHERE affiliate_id = @affiliate_id AND project_id = @project_id;

-- name: ListEntriesOfMonth :many
SELECT * FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND created_at >= @from_time AND created_at < @to_time
ORDER BY id;

-- The account is rolled forward to the new instant: what was released since the
-- last one joins eligible. New entries are in the table already; those that
-- were available at once are not in the index of releases and come in
-- excluded.eligible.
-- name: PostToAccount :exec
INSERT INTO refgrow_accounts AS a
    (affiliate_id, currency, project_id, gross, total, paid, eligible, rolled_to, next_release_at, signups, purchases, reserved, debts)
VALUES
    (@affiliate_id, @currency, @project_id, @gross, @total, @paid, @eligible, @rolled_to, @next_release_at, @signups, @purchases, @reserved, @debts)
ON CONFLICT (affiliate_id, currency) DO UPDATE SET
    gross     = a.gross + excluded.gross,
    total     = a.total + excluded.total,
    paid      = a.paid + excluded.paid,
    eligible  = a.eligible + excluded.eligible + CASE WHEN a.next_release_at <= excluded.rolled_to THEN (
        SELECT CAST(COALESCE(SUM(e.amount), 0) AS INTEGER) FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > a.rolled_to AND e.available_at <= excluded.rolled_to AND e.available_at > e.created_at
    ) ELSE 0 END,
    debts     = a.debts + excluded.debts - CASE WHEN a.next_release_at <= excluded.rolled_to AND a.debts <> 0 THEN (
        SELECT CAST(COALESCE(SUM(e.amount), 0) AS INTEGER) FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > a.rolled_to AND e.available_at <= excluded.rolled_to AND e.available_at > e.created_at
            AND (e.amount < 0 AND e.kind <> 'settlement' OR e.amount > 0 AND e.payout_id IS NOT NULL)
    ) ELSE 0 END,
    next_release_at = CASE WHEN a.next_release_at <= excluded.rolled_to THEN (
        SELECT MIN(e.available_at) FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > excluded.rolled_to AND e.available_at > e.created_at
    ) ELSE COALESCE(MIN(a.next_release_at, excluded.next_release_at), a.next_release_at, excluded.next_release_at) END,
    rolled_to = MAX(a.rolled_to, excluded.rolled_to),
    signups   = a.signups + excluded.signups,
    purchases = a.purchases + excluded.purchases,
    reserved  = a.reserved + excluded.reserved;

-- released is what joined eligible between rolled_to and the instant, when that
-- is not before rolled_to, and due what it has of debts; next_release is the
-- earliest instant after it at which something other than zero is released.
-- name: ListAccounts :many
SELECT a.affiliate_id, a.currency, a.total, a.paid, a.eligible, a.rolled_to, a.signups, a.purchases, a.reserved, a.debts,
    CAST(CASE WHEN a.next_release_at <= CAST(@instant AS INTEGER) THEN (
        SELECT COALESCE(SUM(e.amount), 0) FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > a.rolled_to AND e.available_at <= CAST(@instant AS INTEGER) AND e.available_at > e.created_at
    ) ELSE 0 END AS INTEGER) AS released,
    CAST(CASE WHEN a.next_release_at <= CAST(@instant AS INTEGER) AND a.debts <> 0 THEN (
        SELECT COALESCE(SUM(e.amount), 0) FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > a.rolled_to AND e.available_at <= CAST(@instant AS INTEGER) AND e.available_at > e.created_at
            AND (e.amount < 0 AND e.kind <> 'settlement' OR e.amount > 0 AND e.payout_id IS NOT NULL)
    ) ELSE 0 END AS INTEGER) AS due,
    CAST(CASE WHEN a.total - a.paid = a.eligible AND a.next_release_at IS NULL THEN 0 ELSE COALESCE((
        SELECT e.available_at FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > CAST(@instant AS INTEGER) AND e.available_at > e.created_at
        GROUP BY e.available_at HAVING SUM(e.amount) <> 0 ORDER BY e.available_at LIMIT 1
    ), 0) END AS INTEGER) AS next_release
FROM refgrow_accounts a
WHERE a.affiliate_id IN (SELECT value FROM json_each(CAST(@affiliate_ids AS TEXT))) AND +a.project_id = @project_id
ORDER BY a.affiliate_id, a.currency;

-- The plain sum, for instants the accounts cannot answer.
-- name: SumEntries :many
SELECT currency,
    CAST(COALESCE(SUM(CASE WHEN kind <> 'settlement' THEN amount ELSE 0 END), 0) AS INTEGER) AS total,
    CAST(COALESCE(SUM(CASE WHEN kind = 'settlement' THEN -amount ELSE 0 END), 0) AS INTEGER) AS paid,
    CAST(COALESCE(SUM(CASE WHEN available_at <= CAST(@instant AS INTEGER) THEN amount ELSE 0 END), 0) AS INTEGER) AS eligible,
    CAST(COALESCE(SUM(CASE WHEN available_at > CAST(@instant AS INTEGER) 
        AND (amount < 0 AND kind <> 'settlement' OR amount > 0 AND payout_id IS NOT NULL) THEN amount ELSE 0 END), 0) AS INTEGER) AS debts
FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND created_at < @stamped_before
GROUP BY currency;

-- name: SumReserved :many
SELECT currency, CAST(SUM(amount) AS INTEGER) AS reserved FROM refgrow_payouts
WHERE affiliate_id = @affiliate_id AND +project_id = @project_id AND created_at < @stamped_before
    AND COALESCE(paid_at, canceled_at, @stamped_before) >= @stamped_before
GROUP BY currency;

-- name: ListReleases :many
SELECT currency, available_at, CAST(SUM(amount) AS INTEGER) AS amount
FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND created_at < @stamped_before AND available_at > @instant
GROUP BY currency, available_at HAVING SUM(amount) <> 0
ORDER BY currency, available_at;

-- name: ListAccountsToRoll :many
SELECT DISTINCT affiliate_id FROM refgrow_accounts
WHERE affiliate_id > @after_id AND +project_id = @project_id AND next_release_at <= CAST(@instant AS INTEGER)
ORDER BY affiliate_id LIMIT CAST(@at_most AS INTEGER);

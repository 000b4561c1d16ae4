-- name: InsertEntry :execlastid
INSERT INTO refgrow_ledger_entries
    (project_id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id, payout_id, note, returned, day)
VALUES
    (@project_id, @affiliate_id, @currency, @kind, @amount, @available_at, @created_at, @conversion_id, @payout_id, @note, @returned, @day);

-- name: ListEntriesOfConversion :many
SELECT * FROM refgrow_ledger_entries
WHERE conversion_id = CAST(@conversion_id AS INTEGER) AND project_id = @project_id ORDER BY id;

-- name: ListEntriesOfAffiliate :many
SELECT e.* FROM refgrow_ledger_entries e
WHERE e.project_id = @project_id AND e.id IN (
    SELECT x.id FROM refgrow_ledger_entries x WHERE x.affiliate_id = (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id) AND x.id < @before_id
    ORDER BY x.id DESC LIMIT CAST(@limit AS INTEGER) OFFSET CAST(@offset AS INTEGER));

-- name: CountEntriesOfAffiliate :one
SELECT COUNT(*) FROM refgrow_ledger_entries
WHERE affiliate_id IN (SELECT a.id FROM refgrow_affiliates a WHERE a.id = CAST(@affiliate_id AS INTEGER) AND a.project_id = @project_id);

-- The account is rolled forward to the new instant: what was released since the last
-- one joins eligible. New entries are already in the table; those that were available
-- at once are not in the index of releases and come in excluded.eligible. What is added
-- up may go far beyond what is left of it: billions and the rest are added apart. Debts
-- are none once there is none; those that there are come of the entries.
-- name: PostToAccount :exec
INSERT INTO refgrow_accounts AS a
    (affiliate_id, currency, project_id, total, paid, eligible, rolled_to, next_release_at, signups, purchases, reserved)
VALUES
    (@affiliate_id, @currency, @project_id, @total, @paid, @eligible, @rolled_to, @next_release_at, @signups, @purchases, @reserved)
ON CONFLICT (affiliate_id, currency) DO UPDATE SET
    total     = a.total + excluded.total,
    paid      = a.paid + excluded.paid,
    eligible  = a.eligible + excluded.eligible + CASE WHEN a.next_release_at <= excluded.rolled_to THEN (
        SELECT CAST(COALESCE(SUM(e.amount / 1000000000) * 1000000000 + SUM(e.amount % 1000000000), 0) AS INTEGER)
        FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > a.rolled_to AND e.available_at <= excluded.rolled_to AND e.available_at > e.created_at
    ) ELSE 0 END,
    debts     = CASE WHEN a.debts = 0 THEN 0 ELSE (
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
                WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
                    AND e.available_at > MAX(a.rolled_to, excluded.rolled_to) AND e.available_at > e.created_at
            ) x
            GROUP BY x.part, x.available_at
        ) g
    ) END,
    next_release_at = CASE WHEN a.next_release_at <= excluded.rolled_to THEN (
        SELECT MIN(e.available_at) FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > excluded.rolled_to AND e.available_at > e.created_at
    ) ELSE COALESCE(MIN(a.next_release_at, excluded.next_release_at), a.next_release_at, excluded.next_release_at) END,
    rolled_to = MAX(a.rolled_to, excluded.rolled_to),
    signups   = a.signups + excluded.signups,
    purchases = a.purchases + excluded.purchases,
    reserved  = a.reserved + excluded.reserved;

-- released is what joined eligible between rolled_to and the instant, if that is not
-- before rolled_to; next_release is the earliest instant after it at which something
-- other than zero is released.
-- name: ListAccounts :many
SELECT a.affiliate_id, a.currency, a.total, a.paid, a.eligible, a.rolled_to, a.signups, a.purchases, a.reserved, a.debts,
    CAST(CASE WHEN a.next_release_at <= CAST(@instant AS INTEGER) THEN (
        SELECT COALESCE(SUM(e.amount / 1000000000) * 1000000000 + SUM(e.amount % 1000000000), 0)
        FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > a.rolled_to AND e.available_at <= CAST(@instant AS INTEGER) AND e.available_at > e.created_at
    ) ELSE 0 END AS INTEGER) AS released,
    CAST(CASE WHEN a.total - a.paid = a.eligible AND a.next_release_at IS NULL THEN 0 ELSE COALESCE((
        SELECT e.available_at FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = a.affiliate_id AND e.currency = a.currency
            AND e.available_at > CAST(@instant AS INTEGER) AND e.available_at > e.created_at
        GROUP BY e.available_at
        HAVING SUM(e.amount / 1000000000) * 1000000000 + SUM(e.amount % 1000000000) <> 0
        ORDER BY e.available_at LIMIT 1
    ), 0) END AS INTEGER) AS next_release
FROM refgrow_accounts a
WHERE a.affiliate_id IN (SELECT CAST(value AS INTEGER) FROM json_each(CAST(@affiliate_ids AS TEXT))) AND +a.project_id = @project_id
ORDER BY a.affiliate_id, a.currency;

-- The plain sum, for instants for which the accounts have no answer.
-- name: SumEntries :many
SELECT s.currency,
    CAST(SUM(s.earned / 1000000000) * 1000000000 + SUM(s.earned % 1000000000) AS INTEGER) AS total,
    CAST(SUM(s.settled / 1000000000) * 1000000000 + SUM(s.settled % 1000000000) AS INTEGER) AS paid,
    CAST(SUM(s.available / 1000000000) * 1000000000 + SUM(s.available % 1000000000) AS INTEGER) AS eligible
FROM (
    SELECT e.currency,
        CASE WHEN e.kind <> 'settlement' THEN e.amount ELSE 0 END AS earned,
        CASE WHEN e.kind = 'settlement' THEN -e.amount ELSE 0 END AS settled,
        CASE WHEN e.available_at <= CAST(@instant AS INTEGER) THEN e.amount ELSE 0 END AS available
    FROM refgrow_ledger_entries e
    WHERE e.affiliate_id = @affiliate_id AND e.project_id = @project_id AND e.created_at < @stamped_before
) s
GROUP BY s.currency;

-- What counted against a payout at an instant although it was not available: what the
-- payouts that were pending reserved of it, and each group of unreserved entries that
-- added up to less than 0.
-- name: SumDebts :many
SELECT g.currency, CAST(SUM(g.reserved + MIN(g.unreserved, 0)) AS INTEGER) AS debts FROM (
    SELECT x.currency, SUM(CASE WHEN x.state = 0 THEN x.amount ELSE 0 END) AS unreserved,
        SUM(CASE WHEN x.state = 1 THEN x.amount ELSE 0 END) AS reserved
    FROM (
        SELECT e.currency, COALESCE(e.conversion_id, -e.id) AS part, e.available_at, e.amount,
            CASE WHEN e.payout_id IS NOT NULL AND e.returned = 0 THEN 2 ELSE COALESCE((
                SELECT CASE WHEN COALESCE(p.paid_at, p.canceled_at, CAST(@stamped_before AS INTEGER)) >= CAST(@stamped_before AS INTEGER) THEN 1 ELSE 2 END
                FROM refgrow_payout_entries r JOIN refgrow_payouts p ON p.id = r.payout_id
                WHERE r.entry_id = e.id AND p.created_at < CAST(@stamped_before AS INTEGER)
                    AND COALESCE(p.canceled_at, CAST(@stamped_before AS INTEGER)) >= CAST(@stamped_before AS INTEGER)), 0) END AS state
        FROM refgrow_ledger_entries e
        WHERE e.affiliate_id = @affiliate_id AND e.project_id = @project_id AND e.created_at < CAST(@stamped_before AS INTEGER)
            AND e.available_at > CAST(@instant AS INTEGER)
    ) x
    GROUP BY x.currency, x.part, x.available_at
) g
GROUP BY g.currency;

-- name: SumReserved :many
SELECT currency, CAST(SUM(amount) AS INTEGER) AS reserved FROM refgrow_payouts
WHERE affiliate_id = @affiliate_id AND +project_id = @project_id AND created_at < @stamped_before
    AND COALESCE(paid_at, canceled_at, @stamped_before) >= @stamped_before
GROUP BY currency;

-- name: ListReleases :many
SELECT currency, available_at,
    CAST(SUM(amount / 1000000000) * 1000000000 + SUM(amount % 1000000000) AS INTEGER) AS amount
FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND created_at < @stamped_before AND available_at > @instant
GROUP BY currency, available_at HAVING SUM(amount / 1000000000) * 1000000000 + SUM(amount % 1000000000) <> 0
ORDER BY currency, available_at;

-- name: ListAccountsToRoll :many
SELECT DISTINCT affiliate_id FROM refgrow_accounts
WHERE affiliate_id > @after_id AND +project_id = @project_id AND next_release_at <= CAST(@instant AS INTEGER)
ORDER BY affiliate_id LIMIT CAST(@at_most AS INTEGER);

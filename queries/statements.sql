-- The first entry of an affiliate from an id on. Entries are stamped in the order of
-- their ids.
-- name: NextEntry :one
SELECT id, created_at FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND id >= @from_id
ORDER BY id LIMIT 1;

-- name: LastEntryID :one
SELECT id FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id
ORDER BY id DESC LIMIT 1;

-- name: ListEntriesBetween :many
SELECT * FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND id > @after_id AND id <= @last_id
ORDER BY id LIMIT CAST(@limit AS INTEGER);

-- What the settlements of a payout come to that were written together, or what came back
-- of it, and how much of that is of what was still held.
-- name: SumSettlements :one
SELECT CAST(COALESCE(SUM(amount), 0) AS INTEGER) AS amount,
    CAST(COALESCE(SUM(CASE WHEN available_at > created_at THEN amount ELSE 0 END), 0) AS INTEGER) AS held
FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND project_id = @project_id AND id >= @first_id AND id <= @last_id
    AND kind = 'settlement' AND payout_id = CAST(@payout_id AS INTEGER) AND created_at = @stamp
    AND returned = @returned;

-- What became available between two instants.
-- name: SumReleased :one
SELECT CAST(COALESCE(SUM(amount), 0) AS INTEGER) FROM refgrow_ledger_entries
WHERE affiliate_id = @affiliate_id AND currency = @currency AND +project_id = @project_id
    AND available_at > @after_time AND available_at <= @until AND available_at > created_at;

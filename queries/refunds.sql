-- name: GetRefund :one
SELECT * FROM refgrow_refunds
WHERE conversion_id = @conversion_id AND reference = @reference AND project_id = @project_id;

-- name: InsertRefund :exec
INSERT INTO refgrow_refunds (conversion_id, reference, project_id, amount, taken, created_at)
VALUES (@conversion_id, @reference, @project_id, @amount, @taken, @created_at);

-- Those of which something can be undone.
-- name: ListRefundsLeft :many
SELECT reference, taken, created_at FROM refgrow_refunds
WHERE conversion_id = @conversion_id AND project_id = @project_id AND undone_at IS NULL AND taken > 0;

-- name: SetRefundTaken :exec
UPDATE refgrow_refunds SET taken = @taken
WHERE conversion_id = @conversion_id AND reference = @reference AND project_id = @project_id;

-- name: UndoRefund :exec
UPDATE refgrow_refunds SET undone_at = @undone_at
WHERE conversion_id = @conversion_id AND reference = @reference AND project_id = @project_id;

-- name: GetRefundTotal :one
SELECT * FROM refgrow_refund_totals WHERE conversion_id = @conversion_id AND project_id = @project_id;

-- name: SetRefundTotal :exec
INSERT INTO refgrow_refund_totals (conversion_id, project_id, amount, told_at)
VALUES (@conversion_id, @project_id, @amount, @told_at)
ON CONFLICT (conversion_id) DO UPDATE SET amount = excluded.amount, told_at = excluded.told_at
WHERE refgrow_refund_totals.project_id = excluded.project_id;

-- name: DeleteRefunds :exec
DELETE FROM refgrow_refunds WHERE conversion_id = @conversion_id AND project_id = @project_id;

-- name: DeleteRefundTotal :exec
DELETE FROM refgrow_refund_totals WHERE conversion_id = @conversion_id AND project_id = @project_id;

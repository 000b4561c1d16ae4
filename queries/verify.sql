-- name: CountAffiliatesByStatus :many
SELECT status, COUNT(*) AS n FROM refgrow_affiliates WHERE project_id = @project_id AND deleted_at IS NULL GROUP BY status;
